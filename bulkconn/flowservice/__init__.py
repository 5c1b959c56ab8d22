"""The only door to Adobe: access tokens, creating a base connection, listing what is there.

This room returns replies and faults and never decides what they mean (`core/classify.py` does). It
keeps no secret longer than a request needs it, and logs nothing at all.
"""

from bulkconn.flowservice.adobe_config import AdobeConfig, read_adobe_config
from bulkconn.flowservice.client import FlowService
from bulkconn.flowservice.door import Door
from bulkconn.flowservice.settings import ClientSettings, DoorSettings
from bulkconn.flowservice.token import ServerToServerToken, StaticToken
from bulkconn.flowservice.url_rules import check_url

__all__ = [
    "AdobeConfig",
    "ClientSettings",
    "Door",
    "DoorSettings",
    "FlowService",
    "ServerToServerToken",
    "StaticToken",
    "check_url",
    "read_adobe_config",
]

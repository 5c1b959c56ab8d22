"""A Flow Service on your own machine, with a menu of faults, for rehearsal, demo and tests.

It follows Adobe's documentation, not Adobe's code: where the pages are silent it says what it chose. It
knows nothing of the rest of bulkconn, and checks what it is sent by schemas of its own, so that a mistake
in the program cannot excuse itself here.
"""

from __future__ import annotations

from bulkconn.emulator.admin import Alteration, PlantedConnection, summarise
from bulkconn.emulator.app import Emulator
from bulkconn.emulator.books import Books
from bulkconn.emulator.faults import FaultChance, FaultPlan, FaultStep, parse_fault
from bulkconn.emulator.levels import FaultLevel, plan_level
from bulkconn.emulator.menu import Fault, Place, fault_menu
from bulkconn.emulator.offers import OfferedSpec
from bulkconn.emulator.records import Connection, RequestRecord
from bulkconn.emulator.serve import serve
from bulkconn.emulator.service import BASE_PATH
from bulkconn.emulator.settings import (
    Cloud,
    EmulatorSettings,
    RetryAfterForm,
    SecretsInReplies,
    banner,
    parse_sandbox,
)

__all__ = [
    "BASE_PATH",
    "Alteration",
    "Books",
    "Cloud",
    "Connection",
    "Emulator",
    "EmulatorSettings",
    "Fault",
    "FaultChance",
    "FaultLevel",
    "FaultPlan",
    "FaultStep",
    "OfferedSpec",
    "Place",
    "PlantedConnection",
    "RequestRecord",
    "RetryAfterForm",
    "SecretsInReplies",
    "banner",
    "fault_menu",
    "parse_fault",
    "parse_sandbox",
    "plan_level",
    "serve",
    "summarise",
]

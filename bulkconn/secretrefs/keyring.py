"""`keyring://service/user`: the keyring of the desktop, by the package `keyring`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from bulkconn.core.endpoint import SecretStoreDown, SecretUnavailable
from bulkconn.core.secret import SecretStr
from bulkconn.secretrefs.fields import usable
from bulkconn.secretrefs.quiet import silence
from bulkconn.secretrefs.store import StoreTrouble
from bulkconn.secretrefs.threads import in_thread

if TYPE_CHECKING:
    from bulkconn.core.secret import SecretRef

_FIX: Final = "unlock it, name another in PYTHON_KEYRING_BACKEND, or keep the secrets elsewhere"


class KeyringStore:
    """Reads passwords of the keyring that this user has: Keychain, Secret Service, KWallet, and so on."""

    title: Final = "the keyring"
    #: Somebody may have to type the keyring's own password first.
    timeout_s: Final = 120.0

    def check(self, reference: SecretRef) -> None:
        """Look at the reference.

        Raises:
            SecretUnavailable: it does not name service and user.
        """
        _parsed(reference)

    async def read(self, reference: SecretRef) -> SecretStr:
        """Give the password of a user for a service.

        Raises:
            SecretUnavailable: the keyring has none.
            SecretStoreDown: there is no keyring here, or it stays locked.
            StoreTrouble: its backend failed.
        """
        service, user = _parsed(reference)
        password = await in_thread(_password, service, user)
        if password is None:
            raise SecretUnavailable(
                f"{reference.uri}: the keyring has no such password",
                code="secret_not_found",
                fix="store it with `keyring set SERVICE USER`, or correct the reference",
            )
        return SecretStr(usable(password, reference))

    async def close(self) -> None:
        """Do nothing: nothing is open."""


def _parsed(reference: SecretRef) -> tuple[str, str]:
    """Give service and user: the last slash divides them, and %2F stands for one that does not."""
    service, slash, user = reference.path.rpartition("/")
    if not (service and slash and user):
        raise SecretUnavailable(
            f"{reference.uri} does not name service and user", fix="write it as keyring://service/user"
        )
    return unquote(service), unquote(user)


def _password(service: str, user: str) -> str | None:
    import keyring  # noqa: PLC0415 - an extra, and it looks for backends when it is imported
    from keyring.backends import null  # noqa: PLC0415 - likewise
    from keyring.errors import InitError, KeyringLocked, NoKeyringError  # noqa: PLC0415 - likewise

    silence("keyring")
    backend = keyring.get_keyring()
    if isinstance(backend, null.Keyring):
        raise SecretStoreDown("keyring:// is switched off here (its backend is `null`)", fix=_FIX)
    # Backends are other people's code and raise what they like; what they say may hold anything.
    try:
        return backend.get_password(service, user)
    except NoKeyringError:
        raise SecretStoreDown("this machine has no keyring that keyring:// could read", fix=_FIX) from None
    except (KeyringLocked, InitError):
        raise SecretStoreDown("the keyring is locked", fix=_FIX) from None
    except Exception as error:  # noqa: BLE001 - see above
        raise StoreTrouble(f"the keyring failed ({type(error).__name__})") from None

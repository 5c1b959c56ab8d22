"""An authority of the tests' own, and certificates for this machine."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Certificates:
    """Files: the authority's certificate, and a server's certificate and key."""

    authority: Path
    certificate: Path
    key: Path

    @classmethod
    def make(cls, folder: Path, *names: str) -> Self:
        """Make all three; they are good for a day.

        The server's bears these names and IP addresses; left out, `localhost` and no address.
        """
        own_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        own = _signed(("bulkconn tests",), own_key, issuer=None, signer=own_key)
        server = _signed(names or ("localhost",), server_key, issuer=own.subject, signer=own_key)
        made = cls(folder / "authority.pem", folder / "server.pem", folder / "server.key")
        made.authority.write_bytes(own.public_bytes(serialization.Encoding.PEM))
        made.certificate.write_bytes(server.public_bytes(serialization.Encoding.PEM))
        made.key.write_bytes(
            server_key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        made.key.chmod(0o600)
        return made

    def server_side(self, *, wants_client: bool = False) -> ssl.SSLContext:
        """Give the context of a server; with `wants_client` clients need a certificate too."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self.key)
        if wants_client:
            context.load_verify_locations(self.authority)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def _signed(
    names: Sequence[str],
    key: ec.EllipticCurvePrivateKey,
    *,
    issuer: x509.Name | None,
    signer: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    """Give a certificate; without an issuer that of an authority, signed by itself."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
    )
    if issuer is not None:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False
        )
    return builder.sign(signer, hashes.SHA256())


def _general_name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        return x509.DNSName(text)

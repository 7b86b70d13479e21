"""Certificates of one run: its own authority, whose key is never written anywhere."""

from dataclasses import dataclass, field

import trustme


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """A server's private key and certificate chain, in PEM."""

    key: bytes = field(repr=False)
    chain: bytes


class Authority:
    """An authority that certifies localhost, for this run alone."""

    def __init__(self) -> None:
        """Make a new key."""
        self._authority = trustme.CA(organization_name="pgcutover rehearsal")

    @property
    def certificate(self) -> bytes:
        """The authority's certificate, which clients must be given."""
        return self._authority.cert_pem.bytes()

    def certify(self) -> ServerCertificate:
        """A new key and certificate of localhost."""
        # libpq before 15 takes no address from a certificate: clients say localhost
        issued = self._authority.issue_cert("localhost", "127.0.0.1", "::1")
        chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
        return ServerCertificate(issued.private_key_pem.bytes(), chain)

"""Certificates of one run, signed by an authority of its own; that key is never written."""

from dataclasses import dataclass, field

from pgcutover.extras import require_extra


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """A server's private key and certificate chain, in PEM."""

    key: bytes = field(repr=False)
    chain: bytes


class Authority:
    """A certificate authority for localhost and one run."""

    def __init__(self) -> None:
        """Make a new key; MissingExtraError without trustme."""
        require_extra("an embedded server", "rehearsal", "trustme")
        import trustme

        self._authority = trustme.CA(organization_name="pgcutover rehearsal")

    @property
    def certificate(self) -> bytes:
        """The authority's certificate, for clients."""
        return self._authority.cert_pem.bytes()

    def certify(self) -> ServerCertificate:
        """Issue a key and a certificate for localhost."""
        # libpq before 15 ignores addresses in certificates: clients connect to localhost
        issued = self._authority.issue_cert("localhost", "127.0.0.1", "::1")
        chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
        return ServerCertificate(issued.private_key_pem.bytes(), chain)

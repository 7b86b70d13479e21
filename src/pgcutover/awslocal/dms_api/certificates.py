"""Operations on certificates."""

import time
from typing import Any

from cryptography import x509

from pgcutover.awslocal.dms_api.describe import describe
from pgcutover.awslocal.http import naming
from pgcutover.awslocal.http.aws_errors import DmsFault, invalid, wrong_state
from pgcutover.awslocal.http.request_context import Context, Operation, Request
from pgcutover.awslocal.http.store import ACCOUNT, Record, new_arn


def import_certificate(context: Context, request: Request) -> dict[str, Any]:
    """Store a CA certificate for endpoints that verify the server."""
    name = naming.identifier(request["CertificateIdentifier"], "CertificateIdentifier")
    pem = request.get("CertificatePem")
    if not pem or "CertificateWallet" in request:
        raise invalid("CertificatePem is required; a CertificateWallet is for Oracle only.")
    arn = new_arn("cert", context.region)
    record = Record("cert", arn, name, {"CertificateIdentifier": name} | _certificate(pem, arn))
    record.tags = naming.tags(request.get("Tags"))
    context.store.add(record)
    return {"Certificate": record.wire}


def _certificate(pem: str, arn: str) -> dict[str, Any]:
    try:
        certificate = x509.load_pem_x509_certificates(pem.encode())[0]
    except ValueError:
        raise DmsFault(
            "InvalidCertificateFault", "CertificatePem holds no X.509 certificate."
        ) from None
    key = certificate.public_key()
    digest = certificate.signature_hash_algorithm
    return {
        "CertificateCreationDate": time.time(),
        "CertificatePem": pem,
        "CertificateArn": arn,
        "CertificateOwner": ACCOUNT,
        "ValidFromDate": certificate.not_valid_before_utc.timestamp(),
        "ValidToDate": certificate.not_valid_after_utc.timestamp(),
        "SigningAlgorithm": digest.name.upper() if digest else "",
        "KeyLength": getattr(key, "key_size", 256),
    }


def describe_certificates(context: Context, request: Request) -> dict[str, Any]:
    """Return the certificates of this region."""
    keys = {"certificate-arn": ["CertificateArn"], "certificate-id": ["CertificateIdentifier"]}
    return describe(context, request, "cert", "Certificates", keys)


def delete_certificate(context: Context, request: Request) -> dict[str, Any]:
    """Delete a certificate; refused while an endpoint uses it."""
    record = context.store.get("cert", request["CertificateArn"])
    for endpoint in context.store.all("endpoint", context.region):
        if endpoint.wire.get("CertificateArn") == record.arn:
            raise wrong_state(
                f"Certificate {record.identifier} is used by endpoint {endpoint.identifier}."
            )
    context.store.remove(record)
    return {"Certificate": record.wire}


OPERATIONS: dict[str, Operation] = {
    "ImportCertificate": import_certificate,
    "DescribeCertificates": describe_certificates,
    "DeleteCertificate": delete_certificate,
}

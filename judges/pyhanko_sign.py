"""Signs a few PDFs with pyHanko, so that Paraph can sign them once more.

    python pyhanko_sign.py OUT [INPUT.pdf ...]

The signer is made up here; nobody need trust it. What must hold afterwards is
that its signature is still intact and valid.
"""
import datetime
import io
import sys
from pathlib import Path

from asn1crypto import keys, x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.writer import PageObject, PdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko_certvalidator.registry import SimpleCertificateStore


def signer():
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "An Earlier Signer")])
    now = datetime.datetime.now(datetime.timezone.utc)
    cert = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name)
        .public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.KeyUsage(True, True, False, False, False, False, False, False, False), critical=True)
        .sign(key, hashes.SHA256())
    )
    der = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return signers.SimpleSigner(
        signing_cert=asn1_x509.Certificate.load(cert.public_bytes(serialization.Encoding.DER)),
        signing_key=keys.PrivateKeyInfo.load(der),
        cert_registry=SimpleCertificateStore(),
    )


def blank(stream_xrefs):
    """A PDF of two pages with a line of text, with a classic table or a stream."""
    w = PdfFileWriter(stream_xrefs=stream_xrefs)
    font = generic.DictionaryObject({
        generic.pdf_name("/Type"): generic.pdf_name("/Font"),
        generic.pdf_name("/Subtype"): generic.pdf_name("/Type1"),
        generic.pdf_name("/BaseFont"): generic.pdf_name("/Helvetica"),
    })
    for n in (1, 2):
        content = w.add_object(generic.StreamObject(stream_data=b"BT /F1 18 Tf 72 700 Td (Page %d) Tj ET" % n))
        resources = generic.DictionaryObject({
            generic.pdf_name("/Font"): generic.DictionaryObject({generic.pdf_name("/F1"): font}),
        })
        w.insert_page(PageObject(contents=content, media_box=(0, 0, 595, 842), resources=resources))
    out = io.BytesIO()
    w.write(out)
    return out.getvalue()


def sign(data, who, visible, certify):
    w = IncrementalPdfFileWriter(io.BytesIO(data), strict=False)
    box = (50, 50, 250, 110) if visible else None
    fields.append_signature_field(w, fields.SigFieldSpec("Earlier", box=box, on_page=0))
    meta = signers.PdfSignatureMetadata(
        field_name="Earlier", certify=certify, subfilter=fields.SigSeedSubFilter.PADES,
        docmdp_permissions=fields.MDPPerm.FILL_FORMS,
    )
    return signers.PdfSigner(meta, signer=who).sign_pdf(w).getvalue()


def main(out, inputs):
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    who = signer()
    sources = {"table": blank(False), "stream": blank(True)}
    sources |= {Path(p).stem: Path(p).read_bytes() for p in inputs}
    for name, data in sources.items():
        (out / f"{name}-approved.pdf").write_bytes(sign(data, who, visible=False, certify=False))
        (out / f"{name}-visible-certified.pdf").write_bytes(sign(data, who, visible=True, certify=True))


main(sys.argv[1], sys.argv[2:])

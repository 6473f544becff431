"""Signs PDFs with pyHanko at every level, so that our verifier judges them.

    python pyhanko_others.py WORLD OUT INPUT.pdf ...

WORLD holds ec.key, ec.0.der, ec.1.der, ec.2.der (the key in PKCS #8, its chain, the
root last), the same for rsa, and tsa.url. OCSP and CRLs are fetched from where the
certificates say.
"""
import io
import logging
import sys
from pathlib import Path

from asn1crypto import keys, x509
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers, timestamps
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

logging.disable(logging.CRITICAL)


class World:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.root = self.certificate("ec.2.der")
        self.stamper = timestamps.HTTPTimeStamper((self.folder / "tsa.url").read_text())

    def certificate(self, name):
        return x509.Certificate.load((self.folder / name).read_bytes())

    def signer(self, kind):
        store = SimpleCertificateStore()
        store.register_multiple([self.certificate(f"{kind}.1.der"), self.root])
        return signers.SimpleSigner(
            signing_cert=self.certificate(f"{kind}.0.der"),
            signing_key=keys.PrivateKeyInfo.load((self.folder / f"{kind}.key").read_bytes()),
            cert_registry=store, prefer_pss=kind == "rsa",
        )

    def sign(self, data, kind, level, field="Theirs", **more):
        writer = IncrementalPdfFileWriter(io.BytesIO(data), strict=False)
        box = more.pop("box", None)
        if box:
            fields.append_signature_field(writer, fields.SigFieldSpec(field, box=box, on_page=0))
        context = ValidationContext(trust_roots=[self.root], allow_fetching=True)
        long_term = level in ("LT", "LTA")
        meta = signers.PdfSignatureMetadata(
            field_name=field, subfilter=fields.SigSeedSubFilter.PADES, md_algorithm="sha256", embed_validation_info=long_term,
            use_pades_lta=level == "LTA", validation_context=context if long_term else None, **more,
        )
        stamper = None if level == "B" else self.stamper
        return signers.PdfSigner(meta, signer=self.signer(kind), timestamper=stamper).sign_pdf(writer).getvalue()


def main(world, out, inputs):
    w, out = World(world), Path(out)
    for name in inputs:
        data, stem = Path(name).read_bytes(), Path(name).stem
        for level in ("B", "T", "LT", "LTA"):
            for kind in ("ec", "rsa"):
                (out / f"{stem}-{kind}-{level}.pdf").write_bytes(w.sign(data, kind, level))
        (out / f"{stem}-visible-LTA.pdf").write_bytes(w.sign(data, "ec", "LTA", box=(50, 50, 250, 110)))
        once = w.sign(data, "ec", "LTA")
        (out / f"{stem}-twice-LTA.pdf").write_bytes(w.sign(once, "rsa", "LTA", field="Again"))
        seen = w.sign(data, "ec", "B", box=(50, 50, 250, 110))
        (out / f"{stem}-twice-visible-B.pdf").write_bytes(w.sign(seen, "rsa", "B", field="Again", box=(300, 50, 500, 110)))
        certified = w.sign(data, "ec", "LTA", certify=True, docmdp_permissions=fields.MDPPerm.FILL_FORMS)
        (out / f"{stem}-certified-LTA.pdf").write_bytes(certified)


main(sys.argv[1], sys.argv[2], sys.argv[3:])

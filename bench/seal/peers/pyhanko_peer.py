"""pyHanko as a peer: one order a line comes in, one result a line goes out."""
import io
import json
import logging
import resource
import sys
import time
from importlib.metadata import version
from pathlib import Path

from asn1crypto import keys, pem, x509
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers, timestamps
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

logging.disable(logging.CRITICAL)
world = json.loads(sys.argv[1])
chain = [x509.Certificate.load(Path(f).read_bytes()) for f in world["chain"]]
store = SimpleCertificateStore()
store.register_multiple(chain[1:])
_, _, der = pem.unarmor(Path(world["key"]).read_bytes())
signer = signers.SimpleSigner(signing_cert=chain[0], signing_key=keys.PrivateKeyInfo.load(der), cert_registry=store)
stamper = timestamps.HTTPTimeStamper(world["tsa"])


def context():
    return ValidationContext(trust_roots=[chain[-1]], other_certs=chain[1:-1], allow_fetching=True, revocation_mode="hard-fail")


kept = context()  # keeps what it fetched, as ours does


def sign(data, level):
    meta = signers.PdfSignatureMetadata(
        field_name="Signature1", md_algorithm="sha256", subfilter=fields.SigSeedSubFilter.PADES, reason="bench",
        embed_validation_info=level == "B-LTA", use_pades_lta=level == "B-LTA", validation_context=kept if level == "B-LTA" else None,
    )
    out = io.BytesIO()
    w = IncrementalPdfFileWriter(io.BytesIO(data))
    signers.PdfSigner(meta, signer=signer, timestamper=stamper if level != "B-B" else None).sign_pdf(w, output=out)
    return out.getbuffer()


def measure(order):
    data = Path(order["path"]).read_bytes()
    times, i, started, out = [], 0, time.perf_counter(), b""
    while i < order["warm"] or len(times) < order["least"] or (
        time.perf_counter() - started < order["seconds"] and len(times) < order["most"]
    ):
        t = time.perf_counter()
        out = sign(data, order["level"])
        if i >= order["warm"]:
            times.append((time.perf_counter() - t) * 1e6)
        i += 1
    if order.get("keep"):
        Path(order["keep"]).write_bytes(out)
    return {"times": times, "size": len(out)}


print(json.dumps({"peer": "pyHanko", "version": version("pyHanko"), "runtime": "Python " + sys.version.split()[0]}), flush=True)
for line in sys.stdin:
    try:
        result = measure(json.loads(line))
    except Exception as e:  # the bench tells what went wrong
        result = {"error": f"{type(e).__name__}: {e}"[:200]}
    result["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(result), flush=True)

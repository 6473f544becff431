"""Asks pyHanko what it makes of each sealed sample.

    python pyhanko_check.py SAMPLES

SAMPLES holds the PDFs, roots.pem, and expected.json, which says for each file
how many signatures are ours and how many were there before. Every signature
must be intact and valid, ours trusted, and nothing added later may go beyond
what the earlier ones allow. Files of level B-LTA must pass the AdES validation
of long-term signatures (EN 319 102-1, 5.6.3) too, with nothing but the evidence
inside them and no answer missing. Of each file a copy with one byte changed must be
refused: a judge that accepts everything is none. One line a verdict:
"ok …" or "not ok …".
"""
import asyncio
import datetime
import io
import json
import logging
import sys
from pathlib import Path

import able
from pyhanko.keys import load_certs_from_pemder
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.ades.report import AdESPassed
from pyhanko.sign.validation import ades, validate_pdf_signature
from pyhanko.sign.validation.policy_decl import (
    PdfSignatureValidationSpec,
    RevinfoOnlineFetchingRule,
    RevocationInfoGatheringSpec,
    SignatureValidationSpec,
)
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.ltv.types import ValidationTimingInfo
from pyhanko_certvalidator.policy_decl import NO_REVOCATION, REQUIRE_REVINFO, CertRevTrustPolicy
from pyhanko_certvalidator.registry import SimpleTrustManager

logging.disable(logging.CRITICAL)


def opened(data, password):
    reader = PdfFileReader(io.BytesIO(data), strict=False)
    if reader.encrypted:
        reader.decrypt((password or "").encode())
    return reader


def statuses(data, roots, password=None):
    reader = opened(data, password)
    found = []
    for signature in reader.embedded_regular_signatures:
        context = ValidationContext(trust_roots=roots, allow_fetching=False)
        found.append(validate_pdf_signature(signature, context))
    pages = int(reader.root["/Pages"]["/Count"])
    return found, pages


def faults(data, roots, want):
    found, pages = statuses(data, roots, want.get("password"))
    out = []
    if len(found) != want["signatures"] + want.get("earlier", 0):
        out.append(f"{len(found)} signatures, not {want['signatures']} and {want.get('earlier', 0)} earlier")
    if want.get("pages", pages) != pages:
        out.append(f"{pages} pages, not {want.get('pages')}")
    for n, status in enumerate(found, 1):
        ours = n > want.get("earlier", 0)
        if not (status.intact and status.valid):
            out.append(f"signature {n} is not intact and valid")
        if ours and want["trusted"] and not status.trusted:
            out.append(f"signature {n} is not trusted: {status.trust_problem_indic}")
        if status.docmdp_ok is False:
            out.append(f"signature {n}: a later change is not allowed")
        if status.modification_level is not None and status.modification_level > ModificationLevel.FORM_FILLING:
            out.append(f"signature {n}: later changes rate as {status.modification_level.name}")
        if ours and want["trusted"] and not status.bottom_line:
            out.append(f"signature {n}: the bottom line is no: {status.pretty_print_details()[-200:]}")
    return out


def policy(roots, revocation):
    return CertValidationPolicySpec(
        trust_manager=SimpleTrustManager.build(trust_roots=roots), revinfo_policy=CertRevTrustPolicy(revocation)
    )


# The samples' clock stands still, so they are judged at a moment soon after.
MOMENT = datetime.datetime(2026, 11, 2, 9, 40, tzinfo=datetime.timezone.utc)


def preserved(data, roots, want):
    """What AdES validation holds against a file of level B-LTA, with its document timestamps as the only time that counts."""
    reader = opened(data, want.get("password"))
    # The newest timestamp's own certificate cannot have evidence in the file yet.
    spec = PdfSignatureValidationSpec(SignatureValidationSpec(
        cert_validation_policy=policy(roots, REQUIRE_REVINFO),
        ts_cert_validation_policy=policy(roots, NO_REVOCATION),
        revinfo_gathering_policy=RevocationInfoGatheringSpec(RevinfoOnlineFetchingRule.LOCAL_ONLY),
    ))
    timing = ValidationTimingInfo(validation_time=MOMENT, best_signature_time=MOMENT, point_in_time_validation=True)
    out = []
    stamps = len(reader.embedded_timestamp_signatures)
    if stamps != want.get("stamps", 0):
        out.append(f"{stamps} document timestamps, not {want.get('stamps', 0)}")
    for n, signature in enumerate(reader.embedded_regular_signatures, 1):
        signature.compute_integrity_info()
        result = asyncio.run(ades.ades_lta_validation(signature, spec, timing_info=timing))
        if result.ades_subindic != AdESPassed.OK:
            out.append(f"signature {n}: {result.ades_subindic}")
        if result.oldest_evidence_record_timestamp is None:
            out.append(f"signature {n}: no document timestamp counts")
    return out


def tampered(data):
    """The same file with one bit changed inside the first signed range."""
    changed = bytearray(data)
    changed[200] ^= 0x01
    return bytes(changed)


def refuses(data, roots, password):
    try:
        found, _ = statuses(tampered(data), roots, password)
    except Exception:  # unreadable is refused too
        return True
    return not found or any(not (s.intact and s.valid) for s in found)


def main(folder):
    folder = Path(folder)
    roots = list(load_certs_from_pemder([str(folder / "roots.pem")]))
    expected = json.loads((folder / "expected.json").read_text())
    for name, want in sorted(expected.items()):
        data = (folder / name).read_bytes()
        try:
            wrong = faults(data, roots, want)
            if want.get("level") == "B-LTA" and not able.lacks("pyHanko", name):
                wrong += preserved(data, roots, want)
        except Exception as e:
            wrong = [f"{type(e).__name__}: {e}"]
        print(f"not ok pyHanko {name}: {'; '.join(wrong)}" if wrong else f"ok pyHanko {name}")
        print(f"ok pyHanko refuses a changed {name}" if refuses(data, roots, want.get("password")) else f"not ok pyHanko takes a changed {name}")


main(sys.argv[1])

"""Asks pyHanko what it makes of each sealed sample.

    python pyhanko_check.py SAMPLES

SAMPLES holds the PDFs, roots.pem, and expected.json, which says for each file
how many signatures are ours and how many were there before. Every signature
must be intact and valid, ours trusted, and nothing added later may go beyond
what the earlier ones allow. Of each file a copy with one byte changed must be
refused: a judge that accepts everything is none. One line a verdict:
"ok …" or "not ok …".
"""
import io
import json
import logging
import sys
from pathlib import Path

from pyhanko.keys import load_certs_from_pemder
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

logging.disable(logging.CRITICAL)


def statuses(data, roots):
    reader = PdfFileReader(io.BytesIO(data), strict=False)
    found = []
    for signature in reader.embedded_regular_signatures:
        context = ValidationContext(trust_roots=roots, allow_fetching=False)
        found.append(validate_pdf_signature(signature, context))
    pages = int(reader.root["/Pages"]["/Count"])
    return found, pages


def faults(data, roots, want):
    found, pages = statuses(data, roots)
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


def tampered(data):
    """The same file with one bit changed inside the first signed range."""
    changed = bytearray(data)
    changed[200] ^= 0x01
    return bytes(changed)


def refuses(data, roots):
    try:
        found, _ = statuses(tampered(data), roots)
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
        except Exception as e:
            wrong = [f"{type(e).__name__}: {e}"]
        print(f"not ok pyHanko {name}: {'; '.join(wrong)}" if wrong else f"ok pyHanko {name}")
        print(f"ok pyHanko refuses a changed {name}" if refuses(data, roots) else f"not ok pyHanko takes a changed {name}")


main(sys.argv[1])

"""Asks veraPDF whether files are what they claim to be.

    python verapdf_check.py VERAPDF_JAR SAMPLES

SAMPLES holds the PDFs. What a file must keep to stands at the beginning of its
name: "3a+ua1-certificate.pdf" is judged as PDF/A-3a and as PDF/UA-1. For each of
these a copy with one word changed must be refused: a judge that accepts
everything is none. One line a verdict: "ok …" or "not ok …".
"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path


def judged(jar, level, files):
    """Gives the breaches by file; an empty list is a file that passed."""
    command = ["java", "-cp", jar, "org.verapdf.apps.GreenfieldCliWrapper", "--format", "text", "-v", "--flavour", level]
    out = subprocess.run(command + [str(f) for f in files], capture_output=True, text=True).stdout
    found, current = {}, None
    for line in out.splitlines():
        if m := re.match(r"(PASS|FAIL) (\S+\.pdf) " + level + "$", line):
            current = Path(m[2]).name
            found[current] = [] if m[1] == "PASS" else ["breaches:"]
        elif current and (m := re.match(r"  FAIL (\S+)$", line)):
            found[current].append(m[1])
    return found


def spoilt(data, level):
    """Changes one word without moving anything; None where there is none to change."""
    if level.startswith("ua"):
        bad = data.replace(b"/DisplayDocTitle true", b"/DisplayDocTitle null")
    else:
        bad = re.sub(rb"(pdfaid:part\s*(?:=\s*[\"']|>))[123]", rb"\g<1>9", data)
    return None if bad == data else bad


def main(jar, folder):
    by_level = {}
    for f in sorted(Path(folder).glob("*.pdf")):
        for level in f.name.split("-", 1)[0].split("+"):
            by_level.setdefault(level, []).append(f)
    if not by_level:
        print("not ok veraPDF was given no files")
    for level, files in sorted(by_level.items()):
        found = judged(jar, level, files)
        for f in files:
            breaches = found.get(f.name, ["no verdict"])
            print(f"ok veraPDF {level} {f.name}" if not breaches else f"not ok veraPDF {level} {f.name}: {' '.join(breaches)}")
        bad = next((b for b in (spoilt(f.read_bytes(), level) for f in files) if b), None)
        with tempfile.TemporaryDirectory() as place:
            copy = Path(place) / "spoilt.pdf"
            copy.write_bytes(bad or b"")
            refused = bad and judged(jar, level, [copy]).get(copy.name)
        print(f"ok veraPDF {level} refuses a spoilt copy" if refused else f"not ok veraPDF {level} takes a spoilt copy")


main(*sys.argv[1:])

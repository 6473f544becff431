"""Reads able.json: what each judge is able to judge, as it was said beforehand."""
import fnmatch
import json
from pathlib import Path

TABLE = json.loads((Path(__file__).parent / "able.json").read_text())


def lacks(judge, name):
    """Why a judge is not able to judge a file, or None."""
    for entry in TABLE["judges"]:
        if entry["name"] == judge:
            for lack in entry["not"]:
                if fnmatch.fnmatch(name, lack["files"]):
                    return lack["why"]
    return None

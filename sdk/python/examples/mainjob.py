"""Takes a PDF to its seal: python mainjob.py IN.pdf OUT.pdf"""

import os
import sys

from paraph import Paraph, Source
from paraph.types import ApprovalRequest, EnvelopeRequest, Initiator, RecipientRequest

source, target = sys.argv[1:]
with Paraph(os.environ["PARAPH_URL"], os.environ["PARAPH_CLIENT_ID"], os.environ["PARAPH_CLIENT_SECRET"]) as paraph:
    up = paraph.create_document(Source(content=source, media_type="application/pdf"), title="Purchase order 4711")
    paraph.wait_operation(up.operation.id)  # until its pages are read
    id = up.document.id

    initiator = Initiator(user_id="u_17", email="purchasing@example.com")
    # Nobody has to approve this one.
    paraph.create_approval(ApprovalRequest(document_id=id, document_type="document", initiator=initiator, approvers=[]))

    mara = RecipientRequest(name="Mara Lind", email="mara.lind@example.com")
    envelope = paraph.create_envelope(EnvelopeRequest(document_id=id, send=True, recipients=[mara]))
    link = paraph.create_signing_link(envelope.id, envelope.recipients[0].id)  # she gets one by mail, too
    print("sign here:", link.url, flush=True)

    paraph.wait_envelope(envelope.id, lambda e: e.state == "completed")
    print("sealed:", paraph.get_document_content(id, target).sha256)

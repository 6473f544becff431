// Takes a PDF to its seal: node mainjob.mjs IN.pdf OUT.pdf
import { Paraph } from "@paraph/sdk";
import { openFile, save } from "@paraph/sdk/node";

const [input, output] = process.argv.slice(2);
const paraph = new Paraph({
  url: process.env.PARAPH_URL,
  clientId: process.env.PARAPH_CLIENT_ID,
  clientSecret: process.env.PARAPH_CLIENT_SECRET,
});

const up = await paraph.createDocument(await openFile(input, { mediaType: "application/pdf" }), { title: "Purchase order 4711" });
await paraph.waitOperation(up.operation.id); // until its pages are read
const id = up.document.id;

await paraph.createApproval({
  document_id: id,
  document_type: "document",
  initiator: { user_id: "u_17", email: "purchasing@example.com" },
  approvers: [], // nobody has to approve this one
});

const envelope = await paraph.createEnvelope({
  document_id: id,
  send: true,
  recipients: [{ name: "Mara Lind", email: "mara.lind@example.com" }],
});
const link = await paraph.createSigningLink(envelope.id, envelope.recipients[0].id); // she gets one by mail, too
console.log("sign here:", link.url);

await paraph.waitEnvelope(envelope.id, (e) => e.state === "completed");
const sealed = await save(await paraph.getDocumentContent(id), output);
console.log("sealed:", sealed.sha256);

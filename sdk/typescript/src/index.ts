/**
 * Client of Paraph's HTTP API. It needs nothing but fetch and WebCrypto: Node 20 or newer, and browsers.
 *
 *     const paraph = new Paraph({ url, clientId, clientSecret });
 *     const up = await paraph.createDocument(await openFile("order.pdf"), { title: "Order" });
 *     await paraph.waitOperation(up.operation.id);
 */
export * from "./client.js";
export * from "./errors.js";
export * from "./types.gen.js";
export { generateKey } from "./dpop.js";
export { Download, type CallOptions, type Config, type Page, type Source } from "./runtime.js";
export { Webhooks } from "./webhooks.js";

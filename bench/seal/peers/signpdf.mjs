// @signpdf brings the placeholder and puts the signature in. Its own P12 signer
// knows RSA only, so a signer made with pkijs gives the same CMS as the others.
import { createHash, createPrivateKey, sign as cryptoSign } from "node:crypto";
import { readFileSync } from "node:fs";
import { plainAddPlaceholder } from "@signpdf/placeholder-plain";
import signpdfModule from "@signpdf/signpdf";
import { Signer, SUBFILTER_ETSI_CADES_DETACHED } from "@signpdf/utils";
import * as asn1js from "asn1js";
import * as pkijs from "pkijs";
import { loop } from "./loop.mjs";

const signpdf = signpdfModule.default ?? signpdfModule;
const world = JSON.parse(process.argv[2]);
const key = createPrivateKey(readFileSync(world.key));
const certificates = world.chain.slice(0, -1).map((f) => pkijs.Certificate.fromBER(readFileSync(f)));
const certHash = createHash("sha256").update(readFileSync(world.chain[0])).digest();
const attribute = (type, value) => new pkijs.Attribute({ type, values: [value] });
const sha256 = "2.16.840.1.101.3.4.2.1";

class CMSSigner extends Signer {
  async sign(pdf) {
    const digest = createHash("sha256").update(pdf).digest();
    const seq = (...value) => new asn1js.Sequence({ value });
    const attributes = [
      attribute("1.2.840.113549.1.9.3", new asn1js.ObjectIdentifier({ value: "1.2.840.113549.1.7.1" })),
      attribute("1.2.840.113549.1.9.4", new asn1js.OctetString({ valueHex: digest })),
      attribute("1.2.840.113549.1.9.16.2.47", seq(seq(seq(new asn1js.OctetString({ valueHex: certHash }))))),
    ];
    const signedAttrs = new pkijs.SignedAndUnsignedAttributes({ type: 0, attributes });
    const der = Buffer.from(new asn1js.Set({ value: attributes.map((a) => a.toSchema()) }).toBER());
    const info = new pkijs.SignerInfo({
      version: 1,
      sid: new pkijs.IssuerAndSerialNumber({ issuer: certificates[0].issuer, serialNumber: certificates[0].serialNumber }),
      digestAlgorithm: new pkijs.AlgorithmIdentifier({ algorithmId: sha256 }),
      signatureAlgorithm: new pkijs.AlgorithmIdentifier({ algorithmId: "1.2.840.10045.4.3.2" }),
      signedAttrs,
      signature: new asn1js.OctetString({ valueHex: cryptoSign("sha256", der, key) }),
    });
    const data = new pkijs.SignedData({
      version: 1,
      digestAlgorithms: [new pkijs.AlgorithmIdentifier({ algorithmId: sha256 })],
      encapContentInfo: new pkijs.EncapsulatedContentInfo({ eContentType: "1.2.840.113549.1.7.1" }),
      certificates,
      signerInfos: [info],
    });
    const content = new pkijs.ContentInfo({ contentType: "1.2.840.113549.1.7.2", content: data.toSchema(true) });
    return Buffer.from(content.toSchema().toBER());
  }
}

const version = JSON.parse(readFileSync(new URL("./node_modules/@signpdf/signpdf/package.json", import.meta.url))).version;
const signer = new CMSSigner();
loop("@signpdf", version, async (input, level) => {
  if (level !== "B-B") throw new Error("n/a");
  const pdfBuffer = plainAddPlaceholder({
    pdfBuffer: input, reason: "bench", contactInfo: "", name: "bench", location: "", subFilter: SUBFILTER_ETSI_CADES_DETACHED,
    signatureLength: 8192,
  });
  return signpdf.sign(pdfBuffer, signer);
});

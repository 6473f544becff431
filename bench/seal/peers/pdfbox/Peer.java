import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.math.BigInteger;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Calendar;
import java.util.List;
import java.util.Scanner;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.pdfbox.Loader;
import org.apache.pdfbox.cos.COSName;
import org.apache.pdfbox.pdmodel.PDDocument;
import org.apache.pdfbox.pdmodel.interactive.digitalsignature.PDSignature;
import org.apache.pdfbox.pdmodel.interactive.digitalsignature.SignatureInterface;
import org.apache.pdfbox.pdmodel.interactive.digitalsignature.SignatureOptions;
import org.bouncycastle.asn1.ASN1EncodableVector;
import org.bouncycastle.asn1.ASN1InputStream;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.DERSet;
import org.bouncycastle.asn1.cms.Attribute;
import org.bouncycastle.asn1.cms.AttributeTable;
import org.bouncycastle.asn1.cms.CMSAttributes;
import org.bouncycastle.asn1.ess.ESSCertIDv2;
import org.bouncycastle.asn1.ess.SigningCertificateV2;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.cert.jcajce.JcaCertStore;
import org.bouncycastle.cert.jcajce.JcaX509CertificateHolder;
import org.bouncycastle.cms.CMSAttributeTableGenerator;
import org.bouncycastle.cms.CMSSignedData;
import org.bouncycastle.cms.CMSSignedDataGenerator;
import org.bouncycastle.cms.CMSTypedData;
import org.bouncycastle.cms.DefaultSignedAttributeTableGenerator;
import org.bouncycastle.cms.SignerInformation;
import org.bouncycastle.cms.SignerInformationStore;
import org.bouncycastle.cms.jcajce.JcaSignerInfoGeneratorBuilder;
import org.bouncycastle.operator.ContentSigner;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;
import org.bouncycastle.tsp.TSPAlgorithms;
import org.bouncycastle.tsp.TimeStampRequest;
import org.bouncycastle.tsp.TimeStampRequestGenerator;
import org.bouncycastle.tsp.TimeStampResponse;

/** PDFBox with BouncyCastle as a peer: one order a line comes in, one result a line goes out. */
public class Peer {
  static PrivateKey key;
  static final List<X509Certificate> chain = new ArrayList<>();
  static String tsa;
  static final HttpClient http = HttpClient.newHttpClient();
  static BigInteger nonce = BigInteger.ONE;

  public static void main(String[] args) throws Exception {
    String world = args[0];
    String pem = Files.readString(Path.of(text(world, "key"))).replaceAll("-----[^-]+-----|\\s", "");
    key = KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(pem)));
    Matcher files = Pattern.compile("\"([^\"]+\\.der)\"").matcher(world);
    while (files.find()) {
      try (InputStream in = Files.newInputStream(Path.of(files.group(1)))) {
        chain.add((X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in));
      }
    }
    tsa = text(world, "tsa");
    System.out.printf("{\"peer\":\"PDFBox\",\"version\":\"%s\",\"runtime\":\"Java %s\"}%n",
        org.apache.pdfbox.util.Version.getVersion(), System.getProperty("java.version"));
    Scanner in = new Scanner(System.in, StandardCharsets.UTF_8);
    while (in.hasNextLine()) {
      String order = in.nextLine();
      String result;
      try {
        result = measure(order);
      } catch (Throwable e) {
        result = "\"error\":\"" + (e.getClass().getSimpleName() + ": " + e.getMessage()).replaceAll("[\"\\\\\n]", " ") + "\"";
      }
      System.out.printf("{%s,\"peak\":%d}%n", result, peak());
    }
  }

  static String text(String json, String name) {
    Matcher m = Pattern.compile("\"" + name + "\":\\s*\"([^\"]*)\"").matcher(json);
    return m.find() ? m.group(1) : "";
  }

  static double number(String json, String name) {
    Matcher m = Pattern.compile("\"" + name + "\":\\s*([0-9.]+)").matcher(json);
    return m.find() ? Double.parseDouble(m.group(1)) : 0;
  }

  static long peak() throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("VmHWM:")) return Long.parseLong(line.replaceAll("\\D", "")) / 1024;
    }
    return 0;
  }

  static String measure(String order) throws Exception {
    byte[] data = Files.readAllBytes(Path.of(text(order, "path")));
    String level = text(order, "level");
    double seconds = number(order, "seconds");
    int warm = (int) number(order, "warm"), least = (int) number(order, "least"), most = (int) number(order, "most");
    List<String> times = new ArrayList<>();
    byte[] out = null;
    long started = System.nanoTime();
    for (int i = 0; i < warm || times.size() < least
        || (System.nanoTime() - started < seconds * 1e9 && times.size() < most); i++) {
      long t = System.nanoTime();
      out = sign(data, level);
      if (i >= warm) times.add(String.valueOf((System.nanoTime() - t) / 1e3));
    }
    String keep = text(order, "keep");
    if (!keep.isEmpty()) Files.write(Path.of(keep), out);
    return "\"times\":" + times + ",\"size\":" + out.length;
  }

  static byte[] sign(byte[] data, String level) throws Exception {
    if (!level.equals("B-B") && !level.equals("B-T")) throw new UnsupportedOperationException("n/a");
    ByteArrayOutputStream out = new ByteArrayOutputStream(data.length + 40_000);
    try (PDDocument doc = Loader.loadPDF(data); SignatureOptions options = new SignatureOptions()) {
      PDSignature signature = new PDSignature();
      signature.setFilter(PDSignature.FILTER_ADOBE_PPKLITE);
      signature.setSubFilter(COSName.getPDFName("ETSI.CAdES.detached"));
      signature.setReason("bench");
      signature.setSignDate(Calendar.getInstance());
      options.setPreferredSignatureSize(12_000);
      SignatureInterface cms = content -> {
        try {
          return cms(content, level.equals("B-T"));
        } catch (Exception e) {
          throw new IOException(e);
        }
      };
      doc.addSignature(signature, cms, options);
      doc.saveIncremental(out);
    }
    return out.toByteArray();
  }

  /** The content as PDFBox gives it: a stream that is hashed on the way. */
  record Streamed(InputStream in) implements CMSTypedData {
    public ASN1ObjectIdentifier getContentType() {
      return PKCSObjectIdentifiers.data;
    }

    public Object getContent() {
      return in;
    }

    public void write(java.io.OutputStream out) throws IOException {
      in.transferTo(out);
    }
  }

  static byte[] cms(InputStream content, boolean stamped) throws Exception {
    byte[] hash = MessageDigest.getInstance("SHA-256").digest(chain.get(0).getEncoded());
    ASN1EncodableVector attributes = new ASN1EncodableVector();
    attributes.add(new Attribute(PKCSObjectIdentifiers.id_aa_signingCertificateV2,
        new DERSet(new SigningCertificateV2(new ESSCertIDv2(hash)))));
    CMSAttributeTableGenerator plain = new DefaultSignedAttributeTableGenerator(new AttributeTable(attributes));
    CMSAttributeTableGenerator table = p -> plain.getAttributes(p).remove(CMSAttributes.signingTime);
    ContentSigner signer = new JcaContentSignerBuilder("SHA256withECDSA").build(key);
    CMSSignedDataGenerator gen = new CMSSignedDataGenerator();
    gen.addSignerInfoGenerator(new JcaSignerInfoGeneratorBuilder(new JcaDigestCalculatorProviderBuilder().build())
        .setSignedAttributeGenerator(table).build(signer, new JcaX509CertificateHolder(chain.get(0))));
    gen.addCertificates(new JcaCertStore(chain.subList(0, chain.size() - 1)));
    CMSSignedData data = gen.generate(new Streamed(content), false);
    if (stamped) data = stamp(data);
    return data.getEncoded("DER");
  }

  static CMSSignedData stamp(CMSSignedData data) throws Exception {
    SignerInformation info = data.getSignerInfos().iterator().next();
    TimeStampRequestGenerator gen = new TimeStampRequestGenerator();
    gen.setCertReq(true);
    nonce = nonce.add(BigInteger.ONE);
    TimeStampRequest request = gen.generate(TSPAlgorithms.SHA256,
        MessageDigest.getInstance("SHA-256").digest(info.getSignature()), nonce);
    HttpResponse<byte[]> answer = http.send(HttpRequest.newBuilder(URI.create(tsa)).header("Content-Type", "application/timestamp-query")
        .POST(HttpRequest.BodyPublishers.ofByteArray(request.getEncoded())).build(), HttpResponse.BodyHandlers.ofByteArray());
    TimeStampResponse response = new TimeStampResponse(answer.body());
    response.validate(request);
    ASN1EncodableVector unsigned = new ASN1EncodableVector();
    unsigned.add(new Attribute(PKCSObjectIdentifiers.id_aa_signatureTimeStampToken,
        new DERSet(new ASN1InputStream(new ByteArrayInputStream(response.getTimeStampToken().getEncoded())).readObject())));
    info = SignerInformation.replaceUnsignedAttributes(info, new AttributeTable(unsigned));
    return CMSSignedData.replaceSigners(data, new SignerInformationStore(List.of(info)));
  }
}

import eu.europa.esig.dss.model.DSSDocument;
import eu.europa.esig.dss.model.InMemoryDocument;
import eu.europa.esig.dss.model.SignatureValue;
import eu.europa.esig.dss.model.ToBeSigned;
import eu.europa.esig.dss.model.x509.CertificateToken;
import eu.europa.esig.dss.spi.validation.CommonCertificateVerifier;
import eu.europa.esig.dss.xades.tsl.TrustedListV5SignatureParametersBuilder;
import eu.europa.esig.dss.xades.tsl.TrustedListV6SignatureParametersBuilder;
import eu.europa.esig.dss.xades.XAdESSignatureParameters;
import eu.europa.esig.dss.xades.signature.XAdESService;
import eu.europa.esig.trustedlist.TrustedListFacade;
import java.io.ByteArrayInputStream;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.Signature;
import java.security.spec.ECGenParameterSpec;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;

/**
 * Signs the sample trusted lists with the library that the member states' lists are signed with.
 *
 * <pre>java Lists IN OUT</pre>
 *
 * IN holds the lists as *.xml.in. {@code @CERT name@} in one stands for the certificate of a signer, which is made up
 * here together with its key; {@code @CA name@} stands for the certificate in name.ca.pem; and {@code @SIGNED BY name@} in a comment at its beginning says who signs it. OUT gets the
 * signed lists and NAME.pem for each signer. One line a list: "ok …" or "not ok …".
 */
public class Lists {
  record Signer(KeyPair pair, CertificateToken certificate) {}

  static final Map<String, Signer> signers = new HashMap<>();

  public static void main(String[] args) throws Exception {
    Path in = Path.of(args[0]), out = Path.of(args[1]);
    Files.createDirectories(out);
    boolean failed = false;
    List<Path> files = new ArrayList<>();
    try (var s = Files.newDirectoryStream(in, "*.xml.in")) {
      s.forEach(files::add);
    }
    files.sort(null);
    for (Path file : files) {
      String name = file.getFileName().toString().replace(".in", "");
      try {
        Files.write(out.resolve(name), sign(in, Files.readString(file)));
        System.out.println("ok DSS signs the list " + name);
      } catch (Exception e) {
        failed = true;
        System.out.println("not ok DSS signs the list " + name + ": " + e);
      }
    }
    for (var s : signers.entrySet()) {
      String pem = "-----BEGIN CERTIFICATE-----\n"
          + Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(s.getValue().certificate.getEncoded()) + "\n-----END CERTIFICATE-----\n";
      Files.writeString(out.resolve(s.getKey() + ".pem"), pem);
    }
    System.exit(failed ? 1 : 0);
  }

  static byte[] sign(Path in, String text) throws Exception {
    Matcher by = Pattern.compile("<!-- @SIGNED BY ([a-z-]+)@ -->\\s*").matcher(text);
    if (!by.find()) throw new IllegalArgumentException("it does not say who signs it");
    Signer who = signer(by.group(1));
    text = by.replaceFirst("");
    StringBuilder filled = new StringBuilder();
    Matcher m = Pattern.compile("@CERT ([a-z-]+)@").matcher(text);
    while (m.find()) {
      m.appendReplacement(filled, Base64.getEncoder().encodeToString(signer(m.group(1)).certificate.getEncoded()));
    }
    m.appendTail(filled);
    for (Path ca : Files.newDirectoryStream(in, "*.ca.pem")) { // of services, whose keys the tests have
      String certificate = Files.readString(ca).replaceAll("(?s).*BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE.*", "$1").replaceAll("\\s", "");
      String name = ca.getFileName().toString().replace(".ca.pem", "");
      filled = new StringBuilder(filled.toString().replace("@CA " + name + "@", certificate));
    }
    byte[] list = filled.toString().getBytes(StandardCharsets.UTF_8);
    TrustedListFacade.newFacade().unmarshall(new ByteArrayInputStream(list)); // it is a list by the schema
    DSSDocument document = new InMemoryDocument(list, "list.xml");
    boolean five = text.contains("<TSLVersionIdentifier>5<");
    XAdESSignatureParameters parameters = five
        ? new TrustedListV5SignatureParametersBuilder(who.certificate, document).build()
        : new TrustedListV6SignatureParametersBuilder(who.certificate, document).build();
    parameters.setSignKeyInfo(five); // which some programs do
    XAdESService service = new XAdESService(new CommonCertificateVerifier());
    ToBeSigned data = service.getDataToSign(document, parameters);
    Signature s = Signature.getInstance(parameters.getSignatureAlgorithm().getJCEId());
    s.initSign(who.pair.getPrivate());
    s.update(data.getBytes());
    SignatureValue value = new SignatureValue(parameters.getSignatureAlgorithm(), s.sign());
    try (var opened = service.signDocument(document, parameters, value).openStream()) {
      return opened.readAllBytes();
    }
  }

  /** Makes a signer. Its name says the kind of its key: those that end in -rsa have one of RSA. */
  static Signer signer(String name) throws Exception {
    if (signers.containsKey(name)) return signers.get(name);
    KeyPairGenerator gen = KeyPairGenerator.getInstance(name.endsWith("-rsa") ? "RSA" : "EC");
    if (name.endsWith("-rsa")) gen.initialize(3072);
    else gen.initialize(new ECGenParameterSpec("secp256r1"));
    KeyPair pair = gen.generateKeyPair();
    X500Name subject = new X500Name("CN=Operator " + name + ",O=Paraph tests,C=XX");
    var builder = new JcaX509v3CertificateBuilder(subject, BigInteger.valueOf(System.nanoTime()),
        Date.from(Instant.parse("2025-01-01T00:00:00Z")), Date.from(Instant.parse("2045-01-01T00:00:00Z")), subject, pair.getPublic());
    String algorithm = name.endsWith("-rsa") ? "SHA256withRSA" : "SHA256withECDSA";
    var certificate = new JcaX509CertificateConverter().getCertificate(builder.build(new JcaContentSignerBuilder(algorithm).build(pair.getPrivate())));
    Signer s = new Signer(pair, new CertificateToken(certificate));
    signers.put(name, s);
    return s;
  }
}

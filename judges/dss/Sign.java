import eu.europa.esig.dss.enumerations.CertificationPermission;
import eu.europa.esig.dss.enumerations.DigestAlgorithm;
import eu.europa.esig.dss.enumerations.SignatureLevel;
import eu.europa.esig.dss.model.DSSDocument;
import eu.europa.esig.dss.model.FileDocument;
import eu.europa.esig.dss.model.SignatureValue;
import eu.europa.esig.dss.model.ToBeSigned;
import eu.europa.esig.dss.pades.PAdESSignatureParameters;
import eu.europa.esig.dss.pades.signature.PAdESService;
import eu.europa.esig.dss.service.crl.OnlineCRLSource;
import eu.europa.esig.dss.service.http.commons.CommonsDataLoader;
import eu.europa.esig.dss.service.http.commons.OCSPDataLoader;
import eu.europa.esig.dss.service.http.commons.TimestampDataLoader;
import eu.europa.esig.dss.service.ocsp.OnlineOCSPSource;
import eu.europa.esig.dss.service.tsp.OnlineTSPSource;
import eu.europa.esig.dss.spi.DSSUtils;
import eu.europa.esig.dss.spi.validation.CommonCertificateVerifier;
import eu.europa.esig.dss.spi.x509.CommonTrustedCertificateSource;
import eu.europa.esig.dss.token.KeyStoreSignatureTokenConnection;
import eu.europa.esig.dss.token.DSSPrivateKeyEntry;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.List;

/**
 * Signs PDFs with EU DSS, so that our verifier judges what nobody here wrote.
 *
 * <pre>java Sign WORLD OUT INPUT.pdf …</pre>
 *
 * WORLD holds KIND.key (PKCS #8) and KIND.0.der, KIND.1.der, … (the chain, root last) for the kinds ec and rsa, and tsa.url,
 * the address of a time stamping authority. Each input is signed at each baseline level, and by two at the highest.
 */
public class Sign {
  static Path world;
  static PAdESService service;

  public static void main(String[] args) throws Exception {
    world = Path.of(args[0]);
    CommonCertificateVerifier verifier = new CommonCertificateVerifier();
    CommonTrustedCertificateSource trusted = new CommonTrustedCertificateSource();
    trusted.addCertificate(DSSUtils.loadCertificate(Files.readAllBytes(world.resolve("ec.2.der"))));
    verifier.setTrustedCertSources(trusted);
    verifier.setOcspSource(new OnlineOCSPSource(new OCSPDataLoader()));
    verifier.setCrlSource(new OnlineCRLSource(new CommonsDataLoader()));
    service = new PAdESService(verifier);
    OnlineTSPSource tsp = new OnlineTSPSource(Files.readString(world.resolve("tsa.url")));
    tsp.setDataLoader(new TimestampDataLoader());
    service.setTspSource(tsp);
    for (int i = 2; i < args.length; i++) {
      String name = Path.of(args[i]).getFileName().toString().replace(".pdf", "");
      DSSDocument in = new FileDocument(args[i]);
      for (String level : List.of("B", "T", "LT", "LTA")) {
        for (String kind : List.of("ec", "rsa")) {
          keep(args[1], name + "-" + kind + "-" + level, sign(in, kind, level, null));
        }
      }
      DSSDocument once = sign(in, "ec", "LTA", null);
      keep(args[1], name + "-twice-LTA", sign(once, "rsa", "LTA", null));
      keep(args[1], name + "-certified-LTA", sign(in, "ec", "LTA", CertificationPermission.MINIMAL_CHANGES_PERMITTED));
      keep(args[1], name + "-nochange-B", sign(in, "rsa", "B", CertificationPermission.NO_CHANGE_PERMITTED));
    }
    System.exit(0);
  }

  static void keep(String folder, String name, DSSDocument d) throws Exception {
    d.save(Path.of(folder, name + ".pdf").toString());
  }

  static DSSDocument sign(DSSDocument in, String kind, String level, CertificationPermission certify) throws Exception {
    try (KeyStoreSignatureTokenConnection token = token(kind)) {
      DSSPrivateKeyEntry key = token.getKeys().get(0);
      PAdESSignatureParameters p = new PAdESSignatureParameters();
      p.setSignatureLevel(SignatureLevel.valueOf("PAdES_BASELINE_" + level));
      p.setDigestAlgorithm(DigestAlgorithm.SHA256);
      p.setSigningCertificate(key.getCertificate());
      p.setCertificateChain(key.getCertificateChain());
      p.setReason("Agreement");
      p.setContentSize(24_000);
      if (certify != null) p.setPermission(certify);
      ToBeSigned data = service.getDataToSign(in, p);
      SignatureValue value = token.sign(data, DigestAlgorithm.SHA256, key);
      return service.signDocument(in, p, value);
    }
  }

  static KeyStoreSignatureTokenConnection token(String kind) throws Exception {
    var spec = new PKCS8EncodedKeySpec(Files.readAllBytes(world.resolve(kind + ".key")));
    var key = KeyFactory.getInstance(kind.equals("rsa") ? "RSA" : "EC").generatePrivate(spec);
    Certificate[] chain = new Certificate[3];
    for (int i = 0; i < 3; i++) chain[i] = DSSUtils.loadCertificate(Files.readAllBytes(world.resolve(kind + "." + i + ".der"))).getCertificate();
    KeyStore store = KeyStore.getInstance("PKCS12");
    char[] password = "x".toCharArray();
    store.load(null, password);
    store.setKeyEntry(kind, key, password, chain);
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    store.store(out, password);
    return new KeyStoreSignatureTokenConnection(new ByteArrayInputStream(out.toByteArray()), "PKCS12", new KeyStore.PasswordProtection(password));
  }
}

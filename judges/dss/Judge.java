import eu.europa.esig.dss.enumerations.Indication;
import eu.europa.esig.dss.enumerations.TokenExtractionStrategy;
import eu.europa.esig.dss.model.FileDocument;
import eu.europa.esig.dss.model.InMemoryDocument;
import eu.europa.esig.dss.model.DSSDocument;
import eu.europa.esig.dss.service.crl.OnlineCRLSource;
import eu.europa.esig.dss.service.http.commons.CommonsDataLoader;
import eu.europa.esig.dss.service.http.commons.OCSPDataLoader;
import eu.europa.esig.dss.service.ocsp.OnlineOCSPSource;
import eu.europa.esig.dss.simplereport.SimpleReport;
import eu.europa.esig.dss.spi.DSSUtils;
import eu.europa.esig.dss.spi.validation.CommonCertificateVerifier;
import eu.europa.esig.dss.spi.x509.CommonTrustedCertificateSource;
import eu.europa.esig.dss.pades.validation.PDFDocumentValidator;
import eu.europa.esig.dss.validation.reports.Reports;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * Asks EU DSS what it makes of signed PDFs.
 *
 * <pre>java Judge ROOT.der FOLDER &lt; ORDERS</pre>
 *
 * Each line of standard input is an order: the name of a file in FOLDER, its password or "-", and the levels that its
 * signatures must have, such as "LTA,LTA", with blanks between. Every signature must be TOTAL_PASSED, of exactly that
 * level, with ROOT as the only trust; OCSP and CRLs are asked where the certificates say, which is the loopback
 * interface. Of each file a copy with one bit changed must not pass. One line a verdict: "ok …" or "not ok …".
 */
public class Judge {
  static CommonTrustedCertificateSource trusted = new CommonTrustedCertificateSource();

  public static void main(String[] args) throws Exception {
    trusted.addCertificate(DSSUtils.loadCertificate(Files.readAllBytes(Path.of(args[0]))));
    Path folder = Path.of(args[1]);
    List<String> orders = new ArrayList<>();
    try (var in = new java.io.BufferedReader(new java.io.InputStreamReader(System.in))) {
      in.lines().filter(l -> !l.isBlank()).forEach(orders::add);
    }
    boolean failed = false;
    ExecutorService pool = Executors.newFixedThreadPool(2);
    List<java.util.concurrent.Future<String>> answers = new ArrayList<>();
    for (String order : orders) answers.add(pool.submit(() -> judge(folder, order.split(" "))));
    for (var a : answers) {
      String text = a.get();
      failed |= text.contains("not ok");
      System.out.print(text);
    }
    pool.shutdown();
    System.exit(failed ? 1 : 0);
  }

  static String judge(Path folder, String[] order) throws Exception {
    Path file = folder.resolve(order[0]);
    char[] password = order[1].equals("-") ? null : order[1].toCharArray();
    List<String> levels = Arrays.asList(order[2].split(","));
    String wrong;
    try {
      wrong = faults(new FileDocument(file.toFile()), password, levels);
    } catch (Exception e) {
      wrong = e.toString();
    }
    if (!wrong.isEmpty()) return "not ok DSS " + order[0] + ": " + wrong + "\n";
    String out = "ok DSS " + order[0] + "\n"; // only a judge that passes the file can refuse its copy
    byte[] changed = Files.readAllBytes(file);
    changed[200] ^= 1;
    boolean refused;
    try {
      SimpleReport r = validate(new InMemoryDocument(changed), password).getSimpleReport();
      refused = r.getSignaturesCount() == 0 || r.getValidSignaturesCount() < r.getSignaturesCount();
    } catch (Exception e) {
      refused = true; // unreadable is refused too
    }
    return out + (refused ? "ok DSS refuses a changed " : "not ok DSS takes a changed ") + order[0] + "\n";
  }

  static Reports validate(DSSDocument document, char[] password) {
    CommonCertificateVerifier verifier = new CommonCertificateVerifier();
    verifier.setTrustedCertSources(trusted);
    verifier.setOcspSource(new OnlineOCSPSource(new OCSPDataLoader()));
    verifier.setCrlSource(new OnlineCRLSource(new CommonsDataLoader()));
    verifier.setAIASource(null); // the files bring their certificates
    PDFDocumentValidator validator = new PDFDocumentValidator(document);
    validator.setCertificateVerifier(verifier);
    validator.setTokenExtractionStrategy(TokenExtractionStrategy.NONE);
    if (password != null) validator.setPasswordProtection(password);
    return validator.validateDocument();
  }

  static String faults(DSSDocument document, char[] password, List<String> levels) {
    SimpleReport r = validate(document, password).getSimpleReport();
    List<String> out = new ArrayList<>();
    if (r.getSignaturesCount() != levels.size()) out.add(r.getSignaturesCount() + " signatures, not " + levels.size());
    int i = 0;
    for (String id : r.getSignatureIdList()) {
      if (r.getIndication(id) != Indication.TOTAL_PASSED) {
        out.add("signature " + (i + 1) + ": " + r.getIndication(id) + " " + r.getSubIndication(id) + " " + messages(r, id));
      }
      String level = String.valueOf(r.getSignatureFormat(id));
      if (i < levels.size() && !level.equals("PAdES-BASELINE-" + levels.get(i))) {
        out.add("signature " + (i + 1) + " is " + level + ", not " + levels.get(i));
      }
      i++;
    }
    return String.join("; ", out);
  }

  static String messages(SimpleReport r, String id) {
    List<String> out = new ArrayList<>();
    r.getAdESValidationErrors(id).forEach(m -> out.add(m.getValue()));
    return String.join(", ", out);
  }
}

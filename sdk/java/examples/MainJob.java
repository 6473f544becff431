import io.github.paraph.*;
import io.github.paraph.model.*;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Takes a PDF to its seal: java MainJob IN.pdf OUT.pdf */
public final class MainJob {
  public static void main(String[] args) throws Exception {
    Paraph paraph = new Paraph(new Config(System.getenv("PARAPH_URL"))
        .credentials(System.getenv("PARAPH_CLIENT_ID"), System.getenv("PARAPH_CLIENT_SECRET")));

    var up = paraph.createDocument(CreateDocumentParams.builder().title("Purchase order 4711").build(),
        Source.of(Path.of(args[0]), "application/pdf"));
    paraph.waitOperation(up.operation().id()); // until its pages are read
    String id = up.document().id();

    paraph.createApproval(ApprovalRequest.builder().documentId(id).documentType("document")
        .initiator(Initiator.builder().userId("u_17").email("purchasing@example.com").build())
        .approvers(List.of()).build()); // nobody has to approve this one

    var mara = RecipientRequest.builder().name("Mara Lind").email("mara.lind@example.com").build();
    var envelope = paraph.createEnvelope(EnvelopeRequest.builder().documentId(id).send(true).recipients(List.of(mara)).build());
    var link = paraph.createSigningLink(envelope.id(), envelope.recipients().get(0).id()); // she gets one by mail, too
    System.out.println("sign here: " + link.url());

    paraph.waitEnvelope(envelope.id(), e -> e.state().equals(EnvelopeState.COMPLETED));
    try (OutputStream to = Files.newOutputStream(Path.of(args[1]))) {
      System.out.println("sealed: " + paraph.getDocumentContent(id, to).sha256());
    }
  }
}

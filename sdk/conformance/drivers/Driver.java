import io.github.paraph.*;
import io.github.paraph.model.*;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The driver of the Java SDK: a command a line in, a result a line out. */
public final class Driver {
  public static void main(String[] args) throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    for (String line; (line = in.readLine()) != null; ) {
      Map<String, Object> result = new LinkedHashMap<>();
      try {
        result.put("value", act((Map<?, ?>) Json.parse(line)));
        result.put("ok", true);
      } catch (Exception err) {
        if (System.getenv("PARAPH_SDK_TRACE") != null) err.printStackTrace();
        result.put("ok", false);
        result.put("error", failure(err));
      }
      out.println(Json.write(result));
    }
  }

  static Map<String, Object> failure(Exception err) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("kind", err instanceof TimedOutException ? "timeout" : err instanceof NoAnswerException ? "connection" : err instanceof DigestException ? "digest"
        : err instanceof WebhookException ? "webhook" : "other");
    out.put("message", String.valueOf(err.getMessage()));
    if (err instanceof Problem p) {
      out.put("kind", "problem");
      out.put("status", p.status());
      out.put("code", p.code());
      out.put("request_id", p.requestId());
      out.put("retry_after", p.retryAfter().toSeconds());
      out.put("faults", p.faults().stream().map(f -> f.pointer() + " " + f.code()).toList());
    } else if (err instanceof OperationFailedException f) {
      out.put("kind", "operation");
      out.put("code", f.operation().code());
    }
    return out;
  }

  static Map<String, Object> act(Map<?, ?> c) throws Exception {
    Map<?, ?> a = c.get("args") instanceof Map<?, ?> m ? m : Map.of();
    Config config = new Config((String) c.get("url")).credentials((String) c.get("client_id"), (String) c.get("client_secret"))
        .retries(((Long) c.get("retries")).intValue()).backoff(Duration.ofMillis((Long) c.get("backoff_ms"))).timeout(Duration.ofMillis((Long) c.get("timeout_ms")));
    if ((Boolean) c.get("dpop")) config.dpop(DPoP.generate());
    Paraph paraph = new Paraph(config);
    String id = (String) a.get("id");
    String path = (String) a.get("path");
    long[] progress = {0};
    CallOptions watched = new CallOptions().onProgress((done, total) -> progress[0] = done);
    switch ((String) c.get("action")) {
      case "get": {
        Document d = paraph.getDocument(id);
        return Map.of("id", d.id(), "title", d.title(), "created_at", d.createdAt().truncatedTo(ChronoUnit.SECONDS).toString(), "label", d.labels().get("a"));
      }
      case "create":
        return Map.of("id", paraph.createDraft(DraftRequest.builder().title((String) a.get("title")).build()).id());
      case "update":
        paraph.updateDocument(id, DocumentPatch.builder().title((String) a.get("title")).build());
        return Map.of();
      case "list": {
        List<String> ids = new ArrayList<>();
        ListDocumentsParams params = ListDocumentsParams.builder().state(List.of(DocumentState.DRAFT, DocumentState.APPROVED)).label(Map.of("a", "b c")).build();
        for (FoundDocument d : paraph.allDocuments(params)) ids.add(d.id());
        return Map.of("ids", ids);
      }
      case "upload": {
        Source file = Boolean.TRUE.equals(a.get("stream")) ? Source.once(Files.newInputStream(Path.of(path)), "", "application/pdf") : Source.of(Path.of(path), "application/pdf");
        Uploaded up = paraph.createDocument(CreateDocumentParams.builder().title("A file").build(), file.named("s can.pdf"), watched);
        return Map.of("id", up.document().id(), "sha256", up.version().sha256(), "progress", progress[0]);
      }
      case "upload_large": {
        Source file = Source.of(Path.of(path), "application/pdf").named("s can.pdf");
        String upload = paraph.beginUpload(CreateDocumentParams.builder().title("Ä file").label(Map.of("a", "b")).build(), file);
        Made made = paraph.continueUpload(upload, file, watched);
        return Map.of("upload", upload, "document", made.documentId(), "operation", made.operationId(), "progress", progress[0]);
      }
      case "download":
        try (OutputStream to = Files.newOutputStream(Path.of(path))) {
          Download d = paraph.getDocumentContent(id, to, watched);
          return Map.of("sha256", d.sha256(), "size", d.size(), "file_name", d.fileName(), "progress", progress[0]);
        }
      case "wait_operation":
        return Map.of("state", paraph.waitOperation(id).state());
      case "tail": {
        List<String> ids = new ArrayList<>();
        paraph.tail((String) a.get("after"), List.of(), null, e -> {
          ids.add(e.id());
          return ids.size() < (Long) a.get("count");
        });
        return Map.of("ids", ids);
      }
      case "webhook": {
        Map<?, ?> headers = (Map<?, ?>) a.get("headers");
        String[] secrets = ((List<?>) a.get("secrets")).toArray(String[]::new);
        Event e = new Webhooks(secrets).verify(name -> (String) headers.get(name), ((String) a.get("body")).getBytes(StandardCharsets.UTF_8));
        return Map.of("type", e.type(), "document", e.documentId());
      }
      default:
        throw new IllegalArgumentException("no action " + c.get("action"));
    }
  }
}

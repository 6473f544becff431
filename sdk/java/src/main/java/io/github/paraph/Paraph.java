package io.github.paraph;

import io.github.paraph.model.CreateDocumentParams;
import io.github.paraph.model.Document;
import io.github.paraph.model.Envelope;
import io.github.paraph.model.Event;
import io.github.paraph.model.EventData;
import io.github.paraph.model.ListEventsParams;
import io.github.paraph.model.Operation;
import java.net.http.HttpHeaders;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/** Speaks with one server as one OAuth client. It may be used from many threads. */
public final class Paraph extends Operations {
  /** How long the server may hold back an answer while something is awaited. */
  private static final Duration LOOKS = Duration.ofSeconds(30);

  /** Speaks with nobody yet. */
  public Paraph(Config config) {
    super(config);
  }

  /**
   * Begins an upload in pieces (tus 1.0.0), for files of many gigabytes and lines that break, and gives its id. Keep that
   * to go on after a restart: an upload runs out 24 hours after its last piece.
   */
  public String beginUpload(CreateDocumentParams params, Source file) {
    if (file.once()) throw new IllegalArgumentException("a file that is sent in pieces has to be one that can be read again");
    Map<String, String> about = new LinkedHashMap<>();
    about.put("filename", file.name());
    about.put("filetype", file.mediaType());
    about.put("document_type", params.documentType());
    about.put("business_unit", params.businessUnit());
    about.put("title", params.title());
    about.put("external_id", params.externalId());
    about.put("metadata", params.metadata());
    about.put("labels", params.label() == null ? null : Json.write(params.label()));
    String pairs = about.entrySet().stream().filter(e -> e.getValue() != null && !e.getValue().isEmpty())
        .map(e -> e.getKey() + " " + Base64.getEncoder().encodeToString(e.getValue().getBytes(StandardCharsets.UTF_8))).collect(Collectors.joining(","));
    String where = headersOf(new Call("POST", "/v1/uploads"), Map.of("Upload-Length", String.valueOf(file.size()), "Upload-Metadata", pairs), CallOptions.NONE)
        .firstValue("Location").orElse("");
    return where.substring(where.lastIndexOf('/') + 1);
  }

  /** Sends what is still missing of an upload, and gives what was made of the file. */
  public Made continueUpload(String id, Source file, CallOptions options) {
    HttpHeaders headers = goOn("/v1/uploads/" + segment(id), file, options);
    return new Made(headers.firstValue("Paraph-Document-Id").orElse(""), headers.firstValue("Paraph-Operation-Id").orElse(""));
  }

  /** Waits for the end of an operation. One that failed is thrown as OperationFailedException. */
  public Operation waitOperation(String id) {
    for (;;) {
      long asked = System.nanoTime();
      Operation op = getOperation(id, new CallOptions().wait(LOOKS));
      if (op.state().equals("failed")) throw new OperationFailedException(op);
      if (op.state().equals("succeeded")) return op;
      Duration left = Duration.ofSeconds(1).minusNanos(System.nanoTime() - asked);
      if (!left.isNegative()) pause(left); // the server did not wait
    }
  }

  /** Gives the document once ready says so. Between two looks it waits for its next event, so it needs the scope events:read. */
  public Document waitDocument(String id, Predicate<Document> ready) {
    return await(ListEventsParams.builder().documentId(id), () -> getDocument(id), ready);
  }

  /** waitDocument for an envelope. */
  public Envelope waitEnvelope(String id, Predicate<Envelope> ready) {
    return await(ListEventsParams.builder().subjectId(id), () -> getEnvelope(id), ready);
  }

  private <T> T await(ListEventsParams.Builder which, Supplier<T> look, Predicate<T> ready) {
    which.wait_(LOOKS.toSeconds()).limit(200L);
    for (;;) {
      T value = look.get();
      if (ready.test(value)) return value;
      which.after(listEvents(which.build()).next());
    }
  }

  /**
   * Gives events as they happen, until take says false. A stream that breaks off is taken up behind the last event that
   * came whole, so that none is missed and none comes twice.
   *
   * @param after cursor to begin behind; null: with what happens next
   * @param types of event, or beginnings with .* at the end; empty: all
   * @param documentId only of this document; null: of all
   * @param take is given each event
   */
  public void tail(String after, List<String> types, String documentId, Predicate<Event> take) {
    Call call = new Call("GET", "/v1/events/stream").query("after", after).query("type", types).query("document_id", documentId);
    hear(call, text -> {
      Object event;
      try {
        event = Json.decode(Event.class, Json.parse(text));
      } catch (IllegalArgumentException err) {
        throw new ParaphException("an event of the stream is not JSON", err);
      }
      return take.test((Event) event);
    });
  }

  /** Gives an event's data as the record of its type, such as DocumentEventData. */
  public static Record data(Event event) {
    Class<? extends Record> kind = EventData.TYPES.get(event.type());
    if (kind == null) throw new ParaphException("this version does not know events of the type " + event.type());
    return kind.cast(Json.decode(kind, event.data()));
  }

  /** The .tlog-proof file of an event. Shortly after the event the problem not_in_log_yet may come instead. */
  public String proofFile(String eventId) {
    return text(new Call("GET", "/v1/events/" + segment(eventId) + "/proof"), CallOptions.NONE);
  }

  /** The key that verifies the log's checkpoints, in the note format. */
  public String logKey() {
    return open("/.well-known/paraph/log.vkey");
  }

  /** The root certificates of the server's own seals, in PEM. */
  public String ca() {
    return open("/.well-known/paraph/ca.pem");
  }

  private String open(String path) {
    Call call = new Call("GET", path);
    call.open = true;
    return text(call, CallOptions.NONE);
  }
}

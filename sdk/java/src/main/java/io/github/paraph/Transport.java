package io.github.paraph;

import java.io.BufferedReader;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Sends requests, with tokens, and again where that may help. */
abstract class Transport {
  private static final int MOST_ANSWER = 64 << 20;
  private static final int MOST_PROBLEM = 1 << 20;
  private static final Pattern FILE_NAME = Pattern.compile("filename=\"((?:[^\"\\\\]|\\\\.)*)\"|filename=([^;\"]+)");

  final Config config;
  final Tokens tokens;
  private final DPoP dpop;
  private final HttpClient http;
  private final String agent;

  Transport(Config config) {
    this.config = config;
    this.tokens = new Tokens(config, this);
    this.dpop = config.dpop == null ? null : new DPoP(config.dpop);
    this.agent = (config.userAgent + " paraph-java/1").trim();
    // A redirect is never followed: the API makes none, and a token must not go where an answer points.
    this.http = config.http != null ? config.http : HttpClient.newBuilder()
        .followRedirects(HttpClient.Redirect.NEVER).connectTimeout(Duration.ofSeconds(10))
        .version("http".equals(config.url.getScheme()) ? HttpClient.Version.HTTP_1_1 : HttpClient.Version.HTTP_2).build();
  }

  /** Escapes a part of a path. */
  static String segment(Object value) {
    return Call.encode(String.valueOf(value)).replace("+", "%20");
  }

  static void pause(Duration wait) {
    try {
      Thread.sleep(wait.toMillis());
    } catch (InterruptedException err) {
      Thread.currentThread().interrupt();
      throw new ParaphException("the call was ended", err);
    }
  }

  /** A request's body, for each attempt anew. */
  private interface Body {
    BodyPublisher make(Attempts tries, Watch watch);
  }

  /** An answer below 300, with its body under the watch. */
  private record Answer(HttpResponse<InputStream> response, InputStream body) {
    String header(String name) {
      return response.headers().firstValue(name).orElse("");
    }
  }

  /** Takes an answer. */
  private interface Reader<T> {
    T read(Answer answer, Watch watch) throws IOException;
  }

  private Answer send(HttpRequest request, Watch watch) {
    CompletableFuture<HttpResponse<InputStream>> exchange = http.sendAsync(request, HttpResponse.BodyHandlers.ofInputStream());
    watch.watch(exchange);
    HttpResponse<InputStream> response;
    try {
      response = exchange.get();
    } catch (ExecutionException | CancellationException err) {
      throw watch.why(err.getCause() != null ? err.getCause() : err);
    } catch (InterruptedException err) {
      exchange.cancel(true);
      Thread.currentThread().interrupt();
      throw new ParaphException("the call was ended", err);
    }
    if (dpop != null) response.headers().firstValue("DPoP-Nonce").ifPresent(dpop::note);
    return new Answer(response, watch.watch(response.body()));
  }

  /** Makes one attempt, and has an answer below 300 read. */
  private <T> T once(Attempts tries, Body body, Reader<T> reader) {
    Call call = tries.call;
    String token = call.open ? "" : tokens.get();
    String url = config.url + call.path;
    try (Watch watch = new Watch(config.timeout.plus(tries.options.wait))) {
      HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url + call.queryString())).header("User-Agent", agent);
      tries.headers.forEach(request::setHeader);
      if (!token.isEmpty()) {
        request.setHeader("Authorization", (dpop == null ? "Bearer " : "DPoP ") + token);
        if (dpop != null) request.setHeader("DPoP", dpop.proof(call.method, url, token));
      }
      request.method(call.method, body == null ? BodyPublishers.noBody() : body.make(tries, watch));
      Answer answer = send(request.build(), watch);
      int status = answer.response.statusCode();
      try {
        if (status < 300) return reader.read(answer, watch);
      } catch (UncheckedIOException err) {
        throw err; // of the caller's own sink
      } catch (IOException err) {
        throw watch.why(err);
      }
      byte[] raw;
      try {
        raw = answer.body.readNBytes(MOST_PROBLEM);
      } catch (IOException err) {
        raw = new byte[0]; // a refusal whose words were cut off is one all the same
      }
      Problem problem = Problem.of(status, answer.response.headers(), raw);
      problem.token = token;
      throw problem;
    }
  }

  /** Sends a request until its answer has come whole. */
  private <T> T repeat(Attempts tries, Body body, BooleanSupplier moved, Reader<T> reader) {
    for (;;) {
      try {
        return once(tries, body, reader);
      } catch (ParaphException err) {
        tries.failed(err, moved.getAsBoolean());
      }
    }
  }

  /** Sends a form to the authorization server once. */
  byte[] form(String path, String form, String authorization) {
    String url = config.url + path;
    try (Watch watch = new Watch(config.timeout)) {
      HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url)).header("User-Agent", agent).header("Authorization", authorization)
          .header("Content-Type", "application/x-www-form-urlencoded").POST(BodyPublishers.ofString(form));
      if (dpop != null) request.header("DPoP", dpop.proof("POST", url, ""));
      Answer answer = send(request.build(), watch);
      byte[] raw;
      try {
        raw = answer.body.readNBytes(MOST_PROBLEM);
      } catch (IOException err) {
        throw watch.why(err);
      }
      if (answer.response.statusCode() != 200) throw Problem.of(answer.response.statusCode(), answer.response.headers(), raw);
      return raw;
    }
  }

  private Object parsed(Call call, Body body, Map<String, String> headers, CallOptions options) {
    Attempts tries = new Attempts(this, call, options);
    tries.headers.put("Accept", "application/json");
    tries.headers.putAll(headers);
    byte[] raw = repeat(tries, body, () -> false, (answer, watch) -> answer.body.readNBytes(MOST_ANSWER));
    try {
      return Json.parse(new String(raw, StandardCharsets.UTF_8));
    } catch (IllegalArgumentException err) {
      throw new ParaphException("the answer to " + call.method + " " + call.path + " is not JSON", err);
    }
  }

  private static <T> T cast(Class<T> kind, Object value) {
    return kind.cast(Json.decode(kind, value));
  }

  /** An operation whose answer is one thing. */
  final <T> T json(Call call, Object body, Class<T> kind, CallOptions options) {
    if (body == null) return cast(kind, parsed(call, null, Map.of(), options));
    byte[] raw = Json.write(body).getBytes(StandardCharsets.UTF_8);
    return cast(kind, parsed(call, (tries, watch) -> BodyPublishers.ofByteArray(raw), Map.of("Content-Type", "application/json"), options));
  }

  /** An operation whose answer is a page of a list. */
  final <T> Page<T> page(Call call, Class<T> kind, CallOptions options) {
    Map<?, ?> answer = (Map<?, ?>) parsed(call, null, Map.of(), options);
    List<?> items = (List<?>) answer.get("items");
    return new Page<>(items.stream().map(item -> cast(kind, item)).toList(), (String) answer.get("next"));
  }

  /** An operation whose answer is a list that comes whole. */
  final <T> List<T> items(Call call, Class<T> kind, CallOptions options) {
    return page(call, kind, options).items();
  }

  /** Goes through a list page by page. */
  final <T> Iterable<T> all(Supplier<Call> first, Class<T> kind) {
    return () -> new Iterator<>() {
      private final Call call = first.get();
      private Iterator<T> items;
      private String next;

      @Override
      public boolean hasNext() {
        while (items == null || !items.hasNext()) {
          if (items != null && next == null) return false;
          if (next != null) call.query("after", next);
          String asked = call.query.get("after");
          Page<T> page = page(call, kind, CallOptions.NONE);
          items = page.items().iterator();
          next = page.items().isEmpty() || page.next() == null || page.next().isEmpty() || page.next().equals(asked) ? null : page.next();
        }
        return true;
      }

      @Override
      public T next() {
        if (!hasNext()) throw new NoSuchElementException();
        return items.next();
      }
    };
  }

  /** An operation whose answer is a small text. */
  final String text(Call call, CallOptions options) {
    Attempts tries = new Attempts(this, call, options);
    tries.headers.put("Accept", "text/plain, */*");
    return new String(repeat(tries, null, () -> false, (answer, watch) -> answer.body.readNBytes(MOST_ANSWER)), StandardCharsets.UTF_8);
  }

  /** Streams a file to the server. */
  final <T> T upload(Call call, Source file, Class<T> kind, CallOptions options) {
    if (file.name() != null) call.query.putIfAbsent("file_name", file.name());
    Body body = (tries, watch) -> {
      tries.spent = file.once();
      BodyPublisher parts = BodyPublishers.ofInputStream(() -> counted(file, 0, tries, watch));
      return file.size() > 0 ? BodyPublishers.fromPublisher(parts, file.size()) : parts;
    };
    return cast(kind, parsed(call, body, Map.of("Content-Type", file.mediaType()), options));
  }

  /** Sends a request until it is answered, and gives the answer's headers. */
  final HttpHeaders headersOf(Call call, Map<String, String> headers, CallOptions options) {
    Attempts tries = new Attempts(this, call, options);
    tries.headers.put("Tus-Resumable", "1.0.0");
    tries.headers.putAll(headers);
    return repeat(tries, null, () -> false, (answer, watch) -> answer.response.headers());
  }

  /** Sends what is still missing of an upload in pieces. Where the connection breaks it goes on behind what arrived. */
  final HttpHeaders goOn(String path, Source file, CallOptions options) {
    Attempts tries = new Attempts(this, new Call("PATCH", path), options);
    tries.headers.put("Tus-Resumable", "1.0.0");
    tries.headers.put("Content-Type", "application/offset+octet-stream");
    int differing = 0;
    for (long had = -1; ; ) {
      long at = headersOf(new Call("HEAD", path), Map.of(), CallOptions.NONE).firstValueAsLong("Upload-Offset").orElse(0);
      boolean moved = had >= 0 && at > had;
      had = at;
      tries.headers.put("Upload-Offset", String.valueOf(at));
      Body body = (t, watch) -> {
        BodyPublisher parts = BodyPublishers.ofInputStream(() -> counted(file, at, t, watch));
        return file.size() > at ? BodyPublishers.fromPublisher(parts, file.size() - at) : BodyPublishers.noBody();
      };
      try {
        return once(tries, body, (answer, watch) -> answer.response.headers());
      } catch (ParaphException err) {
        if (err instanceof Problem p && p.code().equals("offset_differs") && differing++ < 5) pause(config.backoff.multipliedBy(differing));
        else tries.failed(err, moved);
      }
    }
  }

  /** Opens a file behind what the server has of it, and tells each piece that is read. */
  private static InputStream counted(Source file, long from, Attempts tries, Watch watch) {
    InputStream content;
    try {
      content = file.content().open();
      content.skipNBytes(from);
    } catch (IOException err) {
      tries.sourceFault = err;
      return null;
    }
    return new FilterInputStream(content) {
      private long done = from;

      @Override
      public int read(byte[] to, int at, int length) throws IOException {
        int n;
        try {
          n = super.read(to, at, length);
        } catch (IOException err) {
          tries.sourceFault = err;
          throw err;
        }
        watch.moved();
        if (n > 0) tries.options.progress.moved(done += n, file.size());
        return n;
      }
    };
  }

  /**
   * Streams a file to a sink. Where the connection breaks it goes on behind the last byte that came (RFC 9110 section 14),
   * as long as the file is the same. The digest the server names in its ETag is checked at the end.
   */
  final Download download(Call call, OutputStream to, CallOptions options) {
    Fetch fetch = new Fetch(to, options);
    Attempts tries = new Attempts(this, call, options);
    for (;;) {
      fetch.moved = false;
      try {
        once(tries, null, fetch::take);
        return fetch.end();
      } catch (ParaphException err) {
        if (fetch.size > 0 && fetch.tag.isEmpty()) throw err; // nothing tells that the rest is of the same file
        tries.failed(err, fetch.moved);
      }
      if (fetch.size > 0) {
        tries.headers.put("Range", "bytes=" + fetch.size + "-");
        tries.headers.put("If-Range", fetch.tag);
      }
    }
  }

  /** A file that is being fetched. */
  private static final class Fetch {
    private final OutputStream to;
    private final CallOptions options;
    private final MessageDigest digest;
    private long size;
    private long total = -1;
    private String tag = "";
    private String fileName;
    private boolean moved;

    Fetch(OutputStream to, CallOptions options) {
      this.to = to;
      this.options = options;
      try {
        this.digest = MessageDigest.getInstance("SHA-256");
      } catch (NoSuchAlgorithmException err) {
        throw new IllegalStateException(err); // every JDK has it
      }
    }

    Void take(Answer answer, Watch watch) throws IOException {
      if (size > 0 && answer.response.statusCode() != 206) throw new ParaphException("the file changed while it was fetched");
      if (size == 0) {
        tag = answer.header("ETag");
        total = answer.response.headers().firstValueAsLong("Content-Length").orElse(-1);
        Matcher name = FILE_NAME.matcher(answer.header("Content-Disposition"));
        if (name.find()) fileName = name.group(1) != null ? name.group(1).replaceAll("\\\\(.)", "$1") : name.group(2);
      }
      byte[] part = new byte[64 << 10];
      for (int n; (n = answer.body.read(part)) >= 0; ) {
        try {
          to.write(part, 0, n);
        } catch (IOException err) {
          throw new UncheckedIOException(err);
        }
        digest.update(part, 0, n);
        size += n;
        moved = true;
        options.progress.moved(size, total);
      }
      return null;
    }

    Download end() {
      String sum = HexFormat.of().formatHex(digest.digest());
      String announced = tag.replace("\"", "");
      if (announced.length() == 64 && !announced.equals(sum)) {
        throw new DigestException("the file arrived changed: its SHA-256 is not the one announced");
      }
      return new Download(fileName, sum, size);
    }
  }

  /** Reads a stream of server-sent events until take says false, and takes it up again where it breaks off. */
  final void hear(Call call, Function<String, Boolean> take) {
    Attempts tries = new Attempts(this, call, CallOptions.NONE);
    tries.headers.put("Accept", "text/event-stream");
    boolean[] moved = {false};
    repeat(tries, null, () -> {
      boolean was = moved[0];
      moved[0] = false;
      return was;
    }, (answer, watch) -> {
      BufferedReader lines = new BufferedReader(new InputStreamReader(answer.body, StandardCharsets.UTF_8));
      StringBuilder data = new StringBuilder();
      String id = "";
      for (String line; (line = line(lines)) != null; ) {
        if (line.startsWith("id:")) id = line.substring(3).strip();
        if (line.startsWith("data:")) data.append(data.isEmpty() ? "" : "\n").append(line.substring(line.startsWith("data: ") ? 6 : 5));
        if (!line.isEmpty()) continue;
        if (!id.isEmpty()) {
          tries.headers.put("Last-Event-ID", id);
          moved[0] = true;
        }
        String text = data.toString();
        data.setLength(0); // half an event leaves no trace
        id = "";
        if (!text.isEmpty() && !take.apply(text)) return null;
      }
      throw new IOException("the stream ended"); // in order; there is more to hear
    });
  }

  /** Gives a line that came whole; null at the end. */
  private static String line(BufferedReader from) throws IOException {
    StringBuilder out = new StringBuilder();
    for (int c; (c = from.read()) >= 0; ) {
      if (c == '\n') return out.toString();
      if (c != '\r') out.append((char) c);
    }
    return null;
  }
}

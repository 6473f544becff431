package io.github.paraph;

import java.net.http.HttpHeaders;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** A refusal by the server (RFC 9457), with every fault of the request. */
public class Problem extends ParaphException {
  /**
   * One fault of a request.
   *
   * @param pointer JSON pointer into the body, or query/…, header/…, path/…
   * @param code stable, for programs
   * @param message for people
   */
  public record Fault(String pointer, String code, String message) {}

  private final int status;
  private final String code;
  private final String detail;
  private final String requestId;
  private final transient List<Fault> faults;
  private final Duration retryAfter;
  /** That was refused. */
  String token = "";
  /** The proof of the token lacked the server's nonce. */
  final boolean wantsNonce;

  private Problem(int status, Map<?, ?> body, HttpHeaders headers, String code, String detail, List<Fault> faults) {
    super(detail + " (" + status + " " + code + ")" + faults.stream().map(f -> "\n  " + f.pointer() + ": " + f.message()).collect(Collectors.joining()));
    this.status = status;
    this.code = code;
    this.detail = detail;
    this.faults = faults;
    this.requestId = text(body, "request_id", "");
    this.retryAfter = retryAfter(headers.firstValue("Retry-After").orElse("").trim());
    this.wantsNonce = headers.firstValue("WWW-Authenticate").orElse("").contains("use_dpop_nonce");
  }

  /** Reads a refusal. What is no problem document (a proxy's page, an OAuth error) becomes one as far as it can be told. */
  static Problem of(int status, HttpHeaders headers, byte[] raw) {
    Map<?, ?> body = Map.of();
    try {
      if (Json.parse(new String(raw, StandardCharsets.UTF_8)) instanceof Map<?, ?> map) body = map;
    } catch (IllegalArgumentException err) {
      // not JSON: the status has to do
    }
    String code = text(body, "code", text(body, "error", "http_" + status));
    String detail = text(body, "detail", text(body, "error_description", "HTTP status " + status));
    List<Fault> faults = body.get("errors") instanceof List<?> list
        ? list.stream().filter(Map.class::isInstance).map(f -> (Map<?, ?>) f).map(f -> new Fault(text(f, "pointer", ""), text(f, "code", ""), text(f, "message", ""))).toList()
        : List.of();
    return new Problem(status, body, headers, code, detail, faults);
  }

  private static String text(Map<?, ?> body, String name, String otherwise) {
    return body.get(name) instanceof String s && !s.isEmpty() ? s : otherwise;
  }

  /** Reads seconds or a date (RFC 9110 section 10.2.3). */
  private static Duration retryAfter(String header) {
    if (header.matches("\\d{1,9}")) return Duration.ofSeconds(Long.parseLong(header));
    try {
      Duration left = Duration.between(Instant.now(), ZonedDateTime.parse(header, DateTimeFormatter.RFC_1123_DATE_TIME));
      return left.isNegative() ? Duration.ZERO : left;
    } catch (DateTimeParseException err) {
      return Duration.ZERO;
    }
  }

  /** The HTTP status. */
  public int status() {
    return status;
  }

  /** Stable, for programs. */
  public String code() {
    return code;
  }

  /** For people. */
  public String detail() {
    return detail;
  }

  /** Name it when asking for help. */
  public String requestId() {
    return requestId;
  }

  /** Every fault of the request. */
  public List<Fault> faults() {
    return faults;
  }

  /** As the server asked for; zero: it did not. */
  public Duration retryAfter() {
    return retryAfter;
  }
}

package io.github.paraph;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.Map;

/**
 * Gets access tokens by client credentials (RFC 6749 section 4.4) and keeps one until shortly before its end. Many
 * requests at once ask once.
 */
final class Tokens {
  private final Config config;
  private final Transport transport;
  private String token = "";
  private String refused;
  private long renewAt; // System.nanoTime

  Tokens(Config config, Transport transport) {
    this.config = config;
    this.transport = transport;
  }

  synchronized String get() {
    if (!token.isEmpty() && System.nanoTime() - renewAt < 0) return token;
    if (config.token != null) {
      token = config.token.apply(refused);
      renewAt = System.nanoTime(); // who gives it knows how long it lasts
      return token;
    }
    if (config.clientId == null || config.clientSecret == null) throw new ParaphException("this needs a client id and a client secret");
    try {
      ask();
    } catch (Problem err) {
      if (!err.code().equals("use_dpop_nonce")) throw err;
      ask();
    }
    return token;
  }

  /** Drops a token the server refused, unless another has taken its place. */
  synchronized void forget(String token) {
    if (this.token.equals(token)) this.token = "";
    refused = token;
  }

  private void ask() {
    String form = "grant_type=client_credentials" + (config.scopes.isEmpty() ? "" : "&scope=" + Call.encode(String.join(" ", config.scopes)));
    // Both are form-encoded before they are joined (RFC 6749 section 2.3.1).
    String basic = Call.encode(config.clientId) + ":" + Call.encode(config.clientSecret);
    long asked = System.nanoTime();
    byte[] raw = transport.form("/oauth/token", form, "Basic " + Base64.getEncoder().encodeToString(basic.getBytes(StandardCharsets.UTF_8)));
    Object answer;
    try {
      answer = Json.parse(new String(raw, StandardCharsets.UTF_8));
    } catch (IllegalArgumentException err) {
      throw new NoAnswerException("the token answer is not JSON", err);
    }
    String want = config.dpop == null ? "Bearer" : "DPoP";
    if (!(answer instanceof Map<?, ?> map && map.get("access_token") instanceof String got && want.equalsIgnoreCase(String.valueOf(map.get("token_type"))))) {
      throw new ParaphException("the token answer holds no " + want + " token");
    }
    Duration life = Duration.ofSeconds(map.get("expires_in") instanceof Number n ? n.longValue() : 0);
    Duration early = life.dividedBy(5).compareTo(Duration.ofSeconds(30)) < 0 ? life.dividedBy(5) : Duration.ofSeconds(30);
    token = got;
    renewAt = asked + life.minus(early).toNanos();
  }
}

package io.github.paraph;

import java.net.URI;
import java.net.http.HttpClient;
import java.security.KeyPair;
import java.time.Duration;
import java.util.List;
import java.util.function.UnaryOperator;

/** Says which server to speak to, and as whom. */
public final class Config {
  final URI url;
  String clientId;
  String clientSecret;
  List<String> scopes = List.of();
  UnaryOperator<String> token;
  KeyPair dpop;
  int retries = 4;
  Duration backoff = Duration.ofMillis(200);
  Duration timeout = Duration.ofSeconds(100);
  String userAgent = "";
  HttpClient http;

  /** Speaks to the server at an address, without a path behind its root. */
  public Config(String url) {
    URI parsed = URI.create(url.replaceAll("/+$", ""));
    if (parsed.getHost() == null || !"http".equals(parsed.getScheme()) && !"https".equals(parsed.getScheme())) {
      throw new IllegalArgumentException("the server's URL " + url + " is not an http or https URL");
    }
    this.url = parsed;
  }

  /** Of an OAuth 2 client; left out: only what needs no token. */
  public Config credentials(String clientId, String clientSecret) {
    this.clientId = clientId;
    this.clientSecret = clientSecret;
    return this;
  }

  /** To narrow the tokens to; left out: all the client has. */
  public Config scopes(List<String> scopes) {
    this.scopes = List.copyOf(scopes);
    return this;
  }

  /** Gives access tokens instead of credentials, for people who logged in; it is told the one that was refused, or null. */
  public Config token(UnaryOperator<String> token) {
    this.token = token;
    return this;
  }

  /** Binds tokens to this key of P-256 (RFC 9449); see DPoP.generate. */
  public Config dpop(KeyPair key) {
    this.dpop = key;
    return this;
  }

  /** Repeats of a request at most; 4. */
  public Config retries(int retries) {
    this.retries = retries;
    return this;
  }

  /** Before the first repeat, doubling up to 10 seconds; 200 milliseconds. */
  public Config backoff(Duration backoff) {
    this.backoff = backoff;
    return this;
  }

  /** Of silence, without an answer or between its bytes; 100 seconds. */
  public Config timeout(Duration timeout) {
    this.timeout = timeout;
    return this;
  }

  /** Put before the SDK's own name. */
  public Config userAgent(String userAgent) {
    this.userAgent = userAgent;
    return this;
  }

  /** Another HTTP client. It must not follow redirects. */
  public Config http(HttpClient http) {
    this.http = http;
    return this;
  }
}

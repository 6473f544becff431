package io.github.paraph;

/** A webhook that is not from the server, or not of now. */
public class WebhookException extends ParaphException {
  WebhookException(String message) {
    super(message);
  }

  WebhookException(String message, Throwable cause) {
    super(message, cause);
  }
}

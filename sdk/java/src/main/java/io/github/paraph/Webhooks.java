package io.github.paraph;

import io.github.paraph.model.Event;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.security.Signature;
import java.security.spec.X509EncodedKeySpec;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.function.UnaryOperator;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** Verifies the webhooks of an endpoint (Standard Webhooks 1.0). */
public final class Webhooks {
  /** How far a webhook's time may be from now. */
  private static final Duration TOLERANCE = Duration.ofMinutes(5);
  /** What stands before the 32 bytes of an Ed25519 key in its X.509 form (RFC 8410). */
  private static final byte[] ED25519 = HexFormat.of().parseHex("302a300506032b6570032100");

  private final List<byte[]> secrets = new ArrayList<>();
  private final List<PublicKey> keys = new ArrayList<>();

  /** Takes the endpoint's secrets (whsec_…) or public keys (whpk_…): more than one while they are rotated. */
  public Webhooks(String... secrets) {
    if (secrets.length == 0) throw new IllegalArgumentException("a webhook cannot be verified without a secret");
    for (String secret : secrets) {
      byte[] raw = Base64.getDecoder().decode(secret.substring(secret.indexOf('_') + 1));
      if (secret.startsWith("whsec_") && raw.length > 0) {
        this.secrets.add(raw);
      } else if (secret.startsWith("whpk_") && raw.length == 32) {
        keys.add(publicKey(raw));
      } else {
        throw new IllegalArgumentException("a webhook's secret is whsec_ or whpk_ and base64");
      }
    }
  }

  private static PublicKey publicKey(byte[] raw) {
    byte[] whole = new byte[44];
    System.arraycopy(ED25519, 0, whole, 0, 12);
    System.arraycopy(raw, 0, whole, 12, 32);
    try {
      return KeyFactory.getInstance("Ed25519").generatePublic(new X509EncodedKeySpec(whole));
    } catch (GeneralSecurityException err) {
      throw new IllegalArgumentException("the public key is none", err);
    }
  }

  /**
   * Gives the event of a webhook whose signature is good.
   *
   * @param header gives the request's header of a name, or null
   * @param body the request's body, byte for byte
   */
  public Event verify(UnaryOperator<String> header, byte[] body) {
    String id = header.apply("webhook-id");
    String stamp = header.apply("webhook-timestamp");
    String signatures = header.apply("webhook-signature");
    if (id == null || id.isEmpty() || stamp == null || !stamp.matches("\\d{1,12}") || signatures == null) {
      throw new WebhookException("the webhook is not genuine: a header is missing");
    }
    if (Duration.between(Instant.ofEpochSecond(Long.parseLong(stamp)), Instant.now()).abs().compareTo(TOLERANCE) > 0) {
      throw new WebhookException("the webhook is not genuine: its time is not now");
    }
    byte[] head = (id + "." + stamp + ".").getBytes(StandardCharsets.UTF_8);
    for (String signature : signatures.split(" ")) {
      String[] parts = signature.split(",", 2);
      if (parts.length == 2 && good(parts[0], parts[1], head, body)) {
        return (Event) Json.decode(Event.class, Json.parse(new String(body, StandardCharsets.UTF_8)));
      }
    }
    throw new WebhookException("the webhook is not genuine: no signature fits");
  }

  private boolean good(String version, String coded, byte[] head, byte[] body) {
    try {
      byte[] given = Base64.getDecoder().decode(coded);
      if (version.equals("v1")) {
        for (byte[] secret : secrets) {
          Mac mac = Mac.getInstance("HmacSHA256");
          mac.init(new SecretKeySpec(secret, "HmacSHA256"));
          mac.update(head);
          if (MessageDigest.isEqual(mac.doFinal(body), given)) return true;
        }
      } else if (version.equals("v1a")) {
        for (PublicKey key : keys) {
          Signature signature = Signature.getInstance("Ed25519");
          signature.initVerify(key);
          signature.update(head);
          signature.update(body);
          if (signature.verify(given)) return true;
        }
      }
    } catch (GeneralSecurityException | IllegalArgumentException err) {
      return false; // it is no signature
    }
    return false;
  }
}

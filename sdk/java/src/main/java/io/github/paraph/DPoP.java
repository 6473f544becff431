package io.github.paraph;

import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.MessageDigest;
import java.security.Signature;
import java.security.interfaces.ECPublicKey;
import java.security.spec.ECGenParameterSpec;
import java.time.Instant;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;

/** Makes proofs that a token's owner sends it (RFC 9449). */
public final class DPoP {
  private final KeyPair key;
  private final Map<String, Object> jwk = new LinkedHashMap<>();
  private volatile String nonce;

  DPoP(KeyPair key) {
    if (!(key.getPublic() instanceof ECPublicKey ec) || ec.getParams().getOrder().bitLength() != 256) {
      throw new IllegalArgumentException("a key for DPoP has to be of P-256");
    }
    this.key = key;
    jwk.put("kty", "EC");
    jwk.put("crv", "P-256");
    jwk.put("x", encode(fixed(ec.getW().getAffineX())));
    jwk.put("y", encode(fixed(ec.getW().getAffineY())));
  }

  /** Makes a key that tokens can be bound to. */
  public static KeyPair generate() {
    try {
      KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
      generator.initialize(new ECGenParameterSpec("secp256r1"));
      return generator.generateKeyPair();
    } catch (GeneralSecurityException err) {
      throw new IllegalStateException(err);
    }
  }

  /** Keeps the server's newest nonce. */
  void note(String nonce) {
    this.nonce = nonce;
  }

  String proof(String method, String url, String token) {
    Map<String, Object> claims = new LinkedHashMap<>();
    claims.put("jti", UUID.randomUUID().toString());
    claims.put("htm", method);
    claims.put("htu", url);
    claims.put("iat", Instant.now().getEpochSecond());
    if (nonce != null) claims.put("nonce", nonce);
    try {
      if (!token.isEmpty()) claims.put("ath", encode(MessageDigest.getInstance("SHA-256").digest(token.getBytes(StandardCharsets.US_ASCII))));
      Map<String, Object> head = new LinkedHashMap<>();
      head.put("typ", "dpop+jwt");
      head.put("alg", "ES256");
      head.put("jwk", jwk);
      String text = encode(Json.write(head).getBytes(StandardCharsets.UTF_8)) + "." + encode(Json.write(claims).getBytes(StandardCharsets.UTF_8));
      Signature signature = Signature.getInstance("SHA256withECDSAinP1363Format");
      signature.initSign(key.getPrivate());
      signature.update(text.getBytes(StandardCharsets.US_ASCII));
      return text + "." + encode(signature.sign());
    } catch (GeneralSecurityException err) {
      throw new ParaphException("the proof of the key cannot be made", err);
    }
  }

  private static byte[] fixed(BigInteger n) {
    byte[] raw = n.toByteArray();
    byte[] out = new byte[32];
    int length = Math.min(raw.length, 32);
    System.arraycopy(raw, raw.length - length, out, 32 - length, length);
    return out;
  }

  private static String encode(byte[] raw) {
    return Base64.getUrlEncoder().withoutPadding().encodeToString(raw);
  }
}

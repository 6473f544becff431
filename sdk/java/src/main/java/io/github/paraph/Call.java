package io.github.paraph;

import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;

/** One request, before it is sent. */
final class Call {
  final String method;
  final String path;
  final Map<String, String> query = new LinkedHashMap<>();
  /** It needs no token. */
  boolean open;

  Call(String method, String path) {
    this.method = method;
    this.path = path;
  }

  /** Sets a parameter that is not null. */
  Call query(String name, Object value) {
    if (value instanceof Collection<?> list) {
      if (!list.isEmpty()) query.put(name, list.stream().map(String::valueOf).collect(Collectors.joining(",")));
    } else if (value instanceof Map<?, ?> map) {
      map.forEach((key, member) -> query.put(name + "[" + key + "]", String.valueOf(member)));
    } else if (value != null) {
      query.put(name, value.toString());
    }
    return this;
  }

  String queryString() {
    if (query.isEmpty()) return "";
    return query.entrySet().stream().map(e -> encode(e.getKey()) + "=" + encode(e.getValue())).collect(Collectors.joining("&", "?", ""));
  }

  static String encode(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8);
  }
}

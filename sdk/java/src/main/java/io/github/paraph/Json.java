package io.github.paraph;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * JSON (RFC 8259), and between it and the records of the contract. Objects are maps, arrays lists, numbers Long or
 * Double.
 */
public final class Json {
  private static final int MOST_DEEP = 200;

  private final String text;
  private int at;
  private int deep;

  private Json(String text) {
    this.text = text;
  }

  /** Reads a text. */
  public static Object parse(String text) {
    Json json = new Json(text);
    Object value = json.value();
    json.blank();
    if (json.at < text.length()) throw json.wrong("something follows");
    return value;
  }

  private IllegalArgumentException wrong(String what) {
    return new IllegalArgumentException("JSON at " + at + ": " + what);
  }

  private void blank() {
    while (at < text.length() && " \t\n\r".indexOf(text.charAt(at)) >= 0) at++;
  }

  private char peek() {
    blank();
    if (at >= text.length()) throw wrong("it ends too soon");
    return text.charAt(at);
  }

  private boolean take(char c) {
    if (peek() != c) return false;
    at++;
    return true;
  }

  private void need(char c) {
    if (!take(c)) throw wrong("there should be " + c);
  }

  private Object value() {
    switch (peek()) {
      case '{':
        return object();
      case '[':
        return array();
      case '"':
        return string();
      case 't':
        return word("true", true);
      case 'f':
        return word("false", false);
      case 'n':
        return word("null", null);
      default:
        return number();
    }
  }

  private Object word(String word, Object value) {
    if (!text.startsWith(word, at)) throw wrong("there is no value");
    at += word.length();
    return value;
  }

  private Map<String, Object> object() {
    Map<String, Object> out = new LinkedHashMap<>();
    down();
    need('{');
    if (!take('}')) {
      do {
        peek();
        String name = string();
        need(':');
        out.put(name, value());
      } while (take(','));
      need('}');
    }
    deep--;
    return out;
  }

  private List<Object> array() {
    List<Object> out = new ArrayList<>();
    down();
    need('[');
    if (!take(']')) {
      do {
        out.add(value());
      } while (take(','));
      need(']');
    }
    deep--;
    return out;
  }

  private void down() {
    if (++deep > MOST_DEEP) throw wrong("it is too deep");
  }

  private String string() {
    if (text.charAt(at) != '"') throw wrong("there should be a string");
    StringBuilder out = new StringBuilder();
    for (at++; at < text.length(); at++) {
      char c = text.charAt(at);
      if (c == '"') {
        at++;
        return out.toString();
      }
      if (c < ' ') throw wrong("a control character");
      if (c == '\\') {
        if (++at >= text.length()) break;
        c = text.charAt(at);
        int plain = "\"\\/bfnrt".indexOf(c);
        if (plain >= 0) {
          out.append("\"\\/\b\f\n\r\t".charAt(plain));
        } else if (c == 'u' && at + 4 < text.length()) {
          out.append((char) Integer.parseInt(text, at + 1, at + 5, 16));
          at += 4;
        } else {
          throw wrong("a bad escape");
        }
      } else {
        out.append(c);
      }
    }
    throw wrong("a string without an end");
  }

  private Object number() {
    int from = at;
    boolean whole = true;
    for (; at < text.length() && "+-.eE0123456789".indexOf(text.charAt(at)) >= 0; at++) whole &= ".eE".indexOf(text.charAt(at)) < 0;
    String digits = text.substring(from, at);
    try {
      if (whole) return Long.parseLong(digits);
    } catch (NumberFormatException err) {
      // more than 64 bits, or none
    }
    try {
      return Double.parseDouble(digits);
    } catch (NumberFormatException err) {
      throw wrong("there is no value");
    }
  }

  /** Writes a value: of what parse gives, records and times. Members that are null are absent. */
  public static String write(Object value) {
    StringBuilder out = new StringBuilder();
    write(out, value);
    return out.toString();
  }

  private static void write(StringBuilder out, Object value) {
    if (value instanceof Record record) {
      Map<String, Object> members = new LinkedHashMap<>();
      for (Member m : Shape.of(record.getClass()).members) {
        Object v = m.get(record);
        if (v != null) members.put(m.wire, v);
      }
      value = members;
    }
    if (value == null || value instanceof Boolean || value instanceof Number) {
      out.append(value);
    } else if (value instanceof Map<?, ?> map) {
      String sep = "{";
      for (Map.Entry<?, ?> e : map.entrySet()) {
        quote(out.append(sep), String.valueOf(e.getKey()));
        write(out.append(':'), e.getValue());
        sep = ",";
      }
      out.append(map.isEmpty() ? "{}" : "}");
    } else if (value instanceof Iterable<?> list) {
      String sep = "";
      out.append('[');
      for (Object item : list) {
        write(out.append(sep), item);
        sep = ",";
      }
      out.append(']');
    } else {
      quote(out, value.toString());
    }
  }

  private static void quote(StringBuilder out, String text) {
    out.append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c == '"' || c == '\\') out.append('\\').append(c);
      else if (c < ' ') out.append(String.format("\\u%04x", (int) c));
      else out.append(c);
    }
    out.append('"');
  }

  /** Makes a value of a type out of what parse gave. Members the type does not know are left out: more may come. */
  static Object decode(Type type, Object value) {
    if (type instanceof ParameterizedType p) {
      Type[] of = p.getActualTypeArguments();
      if (p.getRawType() == List.class) return value == null ? null : ((List<?>) value).stream().map(v -> decode(of[0], v)).toList();
      Map<String, Object> out = new LinkedHashMap<>();
      if (value != null) ((Map<?, ?>) value).forEach((k, v) -> out.put((String) k, decode(of[1], v)));
      return value == null ? null : out;
    }
    Class<?> kind = (Class<?>) type;
    if (value == null) {
      if (kind == long.class) return 0L;
      if (kind == double.class) return 0.0;
      return kind == boolean.class ? Boolean.FALSE : null;
    }
    if (kind == Instant.class) return OffsetDateTime.parse((String) value).toInstant();
    if (kind == long.class || kind == Long.class) return ((Number) value).longValue();
    if (kind == double.class || kind == Double.class) return ((Number) value).doubleValue();
    if (!kind.isRecord()) return value;
    Shape shape = Shape.of(kind);
    Object[] members = new Object[shape.members.size()];
    for (int i = 0; i < members.length; i++) {
      Member m = shape.members.get(i);
      members[i] = decode(m.component.getGenericType(), ((Map<?, ?>) value).get(m.wire));
    }
    return shape.make(members);
  }

  /** A member of a record. */
  private record Member(RecordComponent component, String wire) {
    Object get(Record record) {
      try {
        return component.getAccessor().invoke(record);
      } catch (IllegalAccessException | InvocationTargetException err) {
        throw new IllegalStateException(err);
      }
    }
  }

  /** What a record is made of. */
  private record Shape(Class<?> kind, List<Member> members) {
    private static final Map<Class<?>, Shape> KNOWN = new ConcurrentHashMap<>();

    static Shape of(Class<?> kind) {
      return KNOWN.computeIfAbsent(kind, k -> {
        List<Member> members = new ArrayList<>();
        for (RecordComponent c : k.getRecordComponents()) {
          Wire wire = c.getAnnotation(Wire.class);
          members.add(new Member(c, wire != null ? wire.value() : c.getName().replaceAll("([A-Z])", "_$1").toLowerCase(java.util.Locale.ROOT)));
        }
        return new Shape(k, members);
      });
    }

    Object make(Object[] values) {
      try {
        return kind.getDeclaredConstructor(members.stream().map(m -> m.component.getType()).toArray(Class<?>[]::new)).newInstance(values);
      } catch (ReflectiveOperationException err) {
        throw new IllegalStateException(err);
      }
    }
  }
}

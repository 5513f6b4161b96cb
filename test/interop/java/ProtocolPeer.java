import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.InputStream;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;

/**
 * Kafka's own codecs, for comparison with ours.
 *
 * definitions JAR...: every message definition of the jars, a line of JSON each.
 *
 * codec IN OUT: each line of IN is CLASS, VERSION, BYTES (hex), VALUE (JSON as Kafka's converters have it), separated by
 * tabs. The answer in OUT is the value as Kafka encodes it (hex), and 'same' if Kafka decodes BYTES to that value; or
 * what went wrong. Without VALUE: BYTES decoded and encoded again (hex), or 'refused' with why.
 */
public class ProtocolPeer {
  private static final ObjectMapper JSON = new ObjectMapper().enable(JsonParser.Feature.ALLOW_COMMENTS);

  private record Codec(Class<?> type, Method read) {}

  private static final Map<String, Codec> CODECS = new HashMap<>();

  public static void main(String[] args) throws Exception {
    if (args[0].equals("definitions")) {
      definitions(Arrays.copyOfRange(args, 1, args.length));
    } else {
      codec(Path.of(args[1]), Path.of(args[2]));
    }
  }

  private static void definitions(String[] jars) throws Exception {
    for (String jar : jars) {
      try (ZipFile zip = new ZipFile(jar)) {
        for (ZipEntry entry : Collections.list(zip.entries())) {
          if (!entry.getName().matches("common/message/.*\\.json")) continue;
          try (InputStream in = zip.getInputStream(entry)) {
            System.out.println(JSON.writeValueAsString(JSON.readTree(in)));
          }
        }
      }
    }
  }

  private static void codec(Path in, Path out) throws Exception {
    try (BufferedReader reader = Files.newBufferedReader(in);
        BufferedWriter writer = Files.newBufferedWriter(out)) {
      for (String line; (line = reader.readLine()) != null; ) {
        String[] parts = line.split("\t", -1);
        writer.write(answer(parts).replace('\n', ' '));
        writer.write('\n');
      }
    }
  }

  private static String answer(String[] parts) {
    try {
      Codec codec = codecOf(parts[0]);
      short version = Short.parseShort(parts[1]);
      byte[] bytes = HexFormat.of().parseHex(parts[2]);
      if (parts.length == 3) return again(codec, version, bytes);
      JsonNode json = JSON.readTree(parts[3]);
      Message value = (Message) codec.read.invoke(null, json, version);
      byte[] encoded = MessageUtil.byteBufferToArray(MessageUtil.toByteBuffer(value, version));
      // Encoding moves the position of the record sets' buffers, and so what they are equal to.
      Message fresh = (Message) codec.read.invoke(null, json, version);
      Message decoded = (Message) codec.type.getConstructor().newInstance();
      ByteBuffer buffer = ByteBuffer.wrap(bytes);
      decoded.read(new ByteBufferAccessor(buffer), version);
      String verdict = buffer.hasRemaining() ? "left over " + buffer.remaining() : decoded.equals(fresh) ? "same" : decoded + " is not " + fresh;
      return HexFormat.of().formatHex(encoded) + "\t" + verdict;
    } catch (Throwable error) {
      Throwable cause = error.getCause() == null ? error : error.getCause();
      return "\t" + cause;
    }
  }

  private static String again(Codec codec, short version, byte[] bytes) throws Exception {
    Message decoded = (Message) codec.type.getConstructor().newInstance();
    ByteBuffer buffer = ByteBuffer.wrap(bytes);
    try {
      decoded.read(new ByteBufferAccessor(buffer), version);
    } catch (RuntimeException | OutOfMemoryError error) {
      return "refused\t" + error;
    }
    return HexFormat.of().formatHex(MessageUtil.byteBufferToArray(MessageUtil.toByteBuffer(decoded, version)));
  }

  private static Codec codecOf(String name) throws Exception {
    Codec known = CODECS.get(name);
    if (known != null) return known;
    Method read = Class.forName(name + "JsonConverter").getMethod("read", JsonNode.class, short.class);
    Codec made = new Codec(Class.forName(name), read);
    CODECS.put(name, made);
    return made;
  }
}

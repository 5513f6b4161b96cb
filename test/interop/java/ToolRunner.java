import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.utils.Exit;

/**
 * Kafka's command-line tools, one call after the other in one virtual machine: starting one for each call is most of
 * what a call costs. A call gets class loaders of its own for the tools' jars (they keep state in static fields), its own
 * standard streams, and its shutdown hooks run at its end.
 *
 * <p>ToolRunner JAR...: the tools' jars; the others are on the class path. Each line of standard input is a call: base64
 * of the class, of standard input and of each argument, separated by blanks ("-" is empty). Each line of the answer: exit
 * status, base64 of standard output, of standard error.
 */
public class ToolRunner {
  private static final class Exited extends Error {
    Exited() {
      super("the tool has ended", null, false, false);
    }
  }

  /** The stream that the current call writes to: some classes keep the System.out that they saw first. */
  private static final class Current extends OutputStream {
    volatile ByteArrayOutputStream to = new ByteArrayOutputStream();

    @Override
    public void write(int b) {
      to.write(b);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) {
      to.write(bytes, offset, length);
    }
  }

  public static void main(String[] jars) throws Exception {
    PrintStream answers = System.out;
    Current out = new Current();
    Current err = new Current();
    System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
    System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
    URL[] urls = new URL[jars.length];
    for (int i = 0; i < jars.length; i++) urls[i] = new File(jars[i]).toURI().toURL();
    BufferedReader calls = new BufferedReader(new InputStreamReader(System.in));
    for (String line; (line = calls.readLine()) != null; ) {
      String[] call = Arrays.stream(line.split(" ")).map(ToolRunner::decoded).toArray(String[]::new);
      out.to = new ByteArrayOutputStream();
      err.to = new ByteArrayOutputStream();
      System.setIn(new ByteArrayInputStream(call[1].getBytes(StandardCharsets.UTF_8)));
      Set<Thread> others = new HashSet<>(shutdownHooks().keySet());
      try (URLClassLoader loader = new URLClassLoader(urls, ToolRunner.class.getClassLoader())) {
        CountDownLatch collected = new CountDownLatch(1);
        CompletableFuture<Integer> ended = new CompletableFuture<>();
        Exit.Procedure exit =
            (code, message) -> {
              if (message != null) System.err.println(message);
              ended.complete(code);
              // Nothing comes after an exit: what the unwinding says is not heard.
              awaitQuietly(collected);
              throw new Exited();
            };
        Exit.setExitProcedure(exit);
        Exit.setHaltProcedure(exit);
        Thread tool = new Thread(() -> run(loader, call, ended), call[0]);
        tool.setContextClassLoader(loader);
        tool.start();
        int status = ended.get();
        for (Thread hook : new ArrayList<>(shutdownHooks().keySet())) {
          if (others.contains(hook)) continue;
          Runtime.getRuntime().removeShutdownHook(hook);
          hook.start();
          hook.join();
        }
        System.out.flush();
        System.err.flush();
        answers.println(status + " " + encoded(out.to) + " " + encoded(err.to));
        answers.flush();
        collected.countDown();
        tool.join(5000);
      }
    }
  }

  private static void run(ClassLoader loader, String[] call, CompletableFuture<Integer> ended) {
    try {
      Method main = loader.loadClass(call[0]).getMethod("main", String[].class);
      main.invoke(null, (Object) Arrays.copyOfRange(call, 2, call.length));
      ended.complete(0);
    } catch (InvocationTargetException thrown) {
      if (!(thrown.getCause() instanceof Exited)) thrown.getCause().printStackTrace();
      ended.complete(1);
    } catch (ReflectiveOperationException absent) {
      absent.printStackTrace();
      ended.complete(1);
    }
  }

  private static void awaitQuietly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  @SuppressWarnings("unchecked")
  private static Map<Thread, Thread> shutdownHooks() throws ReflectiveOperationException {
    Field hooks = Class.forName("java.lang.ApplicationShutdownHooks").getDeclaredField("hooks");
    hooks.setAccessible(true);
    return (Map<Thread, Thread>) hooks.get(null);
  }

  private static String decoded(String text) {
    return text.equals("-") ? "" : new String(Base64.getDecoder().decode(text), StandardCharsets.UTF_8);
  }

  private static String encoded(ByteArrayOutputStream bytes) {
    return bytes.size() == 0 ? "-" : Base64.getEncoder().encodeToString(bytes.toByteArray());
  }
}

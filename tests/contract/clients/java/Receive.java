// A Java library receives one user's stream: `Receive LIBRARY URL` prints each event as a line of JSON.

import com.google.gson.JsonObject;
import com.launchdarkly.eventsource.ConnectStrategy;
import com.launchdarkly.eventsource.EventSource;
import com.launchdarkly.eventsource.MessageEvent;
import com.launchdarkly.eventsource.background.BackgroundEventHandler;
import com.launchdarkly.eventsource.background.BackgroundEventSource;
import java.io.PrintStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.Response;
import okhttp3.sse.EventSourceListener;
import okhttp3.sse.EventSources;
import org.springframework.core.ParameterizedTypeReference;
import org.springframework.http.MediaType;
import org.springframework.http.codec.ServerSentEvent;
import org.springframework.web.reactive.function.client.WebClient;
import reactor.core.publisher.Flux;
import reactor.util.retry.Retry;

class Receive {
  static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);
  static volatile String last = "";

  static void tell(String id, String type, String data) {
    JsonObject event = new JsonObject();
    event.addProperty("id", id == null ? "" : id);
    event.addProperty("type", type);
    event.addProperty("data", data);
    OUT.println(event);
    last = id == null || id.isEmpty() ? last : id;
  }

  /** It does not come back by itself: that and the last id are its users' part. Its read time-out is 10 s. */
  static void okhttp(String url) throws InterruptedException {
    OkHttpClient client = new OkHttpClient();
    while (true) {
      CountDownLatch over = new CountDownLatch(1);
      Request.Builder request = new Request.Builder().url(url);
      if (!last.isEmpty()) request.header("Last-Event-ID", last);
      EventSources.createFactory(client)
          .newEventSource(
              request.build(),
              new EventSourceListener() {
                @Override
                public void onEvent(okhttp3.sse.EventSource source, String id, String type, String data) {
                  tell(id, type, data);
                }

                @Override
                public void onClosed(okhttp3.sse.EventSource source) {
                  over.countDown();
                }

                @Override
                public void onFailure(okhttp3.sse.EventSource source, Throwable error, Response response) {
                  over.countDown();
                }
              });
      over.await();
      Thread.sleep(1000);
    }
  }

  static void launchDarkly(String url) throws InterruptedException {
    BackgroundEventHandler handler =
        new BackgroundEventHandler() {
          @Override
          public void onOpen() {}

          @Override
          public void onClosed() {}

          @Override
          public void onMessage(String type, MessageEvent event) {
            tell(event.getLastEventId(), type, event.getData());
          }

          @Override
          public void onComment(String comment) {}

          @Override
          public void onError(Throwable error) {
            System.err.println(error);
          }
        };
    EventSource.Builder source = new EventSource.Builder(ConnectStrategy.http(URI.create(url)));
    new BackgroundEventSource.Builder(handler, source).build().start();
    Thread.currentThread().join();
  }

  static Flux<ServerSentEvent<String>> connect(WebClient client, String url) {
    WebClient.RequestHeadersSpec<?> request = client.get().uri(URI.create(url)).accept(MediaType.TEXT_EVENT_STREAM);
    if (!last.isEmpty()) request.header("Last-Event-ID", last);
    return request.retrieve().bodyToFlux(new ParameterizedTypeReference<ServerSentEvent<String>>() {});
  }

  /** `retryWhen` comes back after errors only, and an orderly end is for good. The last id is its users' part. */
  static void webClient(String url) {
    WebClient client = WebClient.create();
    Flux.defer(() -> connect(client, url))
        .filter(event -> event.data() != null) // it hands comments over too
        .doOnNext(event -> tell(event.id(), event.event(), event.data()))
        .retryWhen(Retry.fixedDelay(Long.MAX_VALUE, Duration.ofSeconds(1)))
        .blockLast();
  }

  public static void main(String[] argv) throws InterruptedException {
    switch (argv[0]) {
      case "okhttp-sse" -> okhttp(argv[1]);
      case "okhttp-eventsource" -> launchDarkly(argv[1]);
      case "spring-webflux" -> webClient(argv[1]);
      default -> throw new IllegalArgumentException(argv[0]);
    }
  }
}

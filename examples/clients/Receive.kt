import java.io.File
import java.io.IOException
import java.net.HttpURLConnection
import java.net.URI
import kotlin.random.Random

/** Receives a user's events across restarts of the server and of this program. */
class Receiver(private val url: String, private val token: String, private val cursor: File) {
    /** Reads one stream to its end. Returns the milliseconds to wait before the next. */
    fun receive(handle: (type: String, data: String) -> Unit): Long {
        var wait = 1000L
        val connection = URI("$url/v1/stream").toURL().openConnection() as HttpURLConnection
        connection.readTimeout = 50_000 // two and a half heartbeats
        connection.setRequestProperty("Accept", "text/event-stream")
        connection.setRequestProperty("Authorization", "Bearer $token")
        if (cursor.exists()) connection.setRequestProperty("Last-Event-ID", cursor.readText())
        if (connection.responseCode in listOf(204, 400, 401, 403)) error("refused: ${connection.responseCode}")
        var type = "message"
        var id = ""
        var data = ""
        connection.inputStream.bufferedReader().forEachLine { line ->
            val value = line.substringAfter(":", "").removePrefix(" ")
            when {
                line.startsWith("retry:") -> wait = value.toLong()
                line.startsWith("event:") -> type = value
                line.startsWith("id:") -> id = value
                line.startsWith("data:") -> data = value
                line.isEmpty() && data.isNotEmpty() -> {
                    handle(type, data)
                    if (id.isNotEmpty()) cursor.writeText(id) // dealt with
                    type = "message"; id = ""; data = ""
                }
            }
        }
        return wait
    }
}

fun main() {
    val receiver = Receiver(System.getenv("TIDINGS_URL"), System.getenv("TIDINGS_TOKEN") ?: "", File("cursor.txt"))
    while (true) {
        val wait = try {
            receiver.receive { type, data -> println("$type $data") }
        } catch (lost: IOException) {
            1000L
        }
        Thread.sleep(wait + Random.nextLong(wait / 2))
    }
}

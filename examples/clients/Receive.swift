import Foundation

/// Receives a user's events across restarts of the server and of this program.
struct Receiver {
    let url: URL
    let token: String
    let defaults = UserDefaults.standard

    /// Reads one stream to its end.
    func receive(_ handle: (_ type: String, _ data: String) -> Void) async throws {
        var request = URLRequest(url: url.appending(path: "v1/stream"))
        request.timeoutInterval = 50 // two and a half heartbeats
        request.setValue("text/event-stream", forHTTPHeaderField: "Accept")
        request.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization")
        if let cursor = defaults.string(forKey: "tidings-cursor") {
            request.setValue(cursor, forHTTPHeaderField: "Last-Event-ID")
        }
        let (bytes, response) = try await URLSession.shared.bytes(for: request)
        guard (response as? HTTPURLResponse)?.statusCode == 200 else { throw URLError(.badServerResponse) }
        var event = ["event": "message"]
        var line = Data()
        for try await byte in bytes { // AsyncLineSequence leaves out the empty lines that end an event
            guard byte == UInt8(ascii: "\n") else { line.append(byte); continue }
            let text = String(decoding: line, as: UTF8.self)
            line.removeAll()
            if text.isEmpty {
                if let data = event["data"] { handle(event["event"]!, data) }
                if let id = event["id"] { defaults.set(id, forKey: "tidings-cursor") } // dealt with
                event = ["event": "message"]
            } else if let colon = text.firstIndex(of: ":"), colon != text.startIndex {
                event[String(text[..<colon])] = text[text.index(after: colon)...].trimmingPrefix(" ").description
            }
        }
    }

    func run(_ handle: (String, String) -> Void) async {
        while !Task.isCancelled {
            try? await receive(handle)
            try? await Task.sleep(for: .seconds(.random(in: 1...2)))
        }
    }
}

// A Go library receives one user's stream: `receive LIBRARY URL` prints each event as a line of JSON.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/coder/websocket"
	"github.com/launchdarkly/eventsource"
	"github.com/r3labs/sse/v2"
	gosse "github.com/tmaxmax/go-sse"
)

func tell(id, kind, data string) {
	line, _ := json.Marshal(map[string]string{"id": id, "type": kind, "data": data})
	fmt.Println(string(line))
}

func r3labs(url string) {
	err := sse.NewClient(url).SubscribeRaw(func(event *sse.Event) {
		tell(string(event.ID), string(event.Event), string(event.Data))
	})
	fmt.Fprintln(os.Stderr, "ended:", err)
}

func launchDarkly(url string) {
	stream, err := eventsource.SubscribeWithURL(url)
	if err != nil {
		panic(err)
	}
	go func() {
		for range stream.Errors {
		}
	}()
	for event := range stream.Events {
		tell(event.Id(), event.Event(), event.Data())
	}
}

func tmaxmax(url string) {
	request, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
	connection := gosse.NewConnection(request)
	connection.SubscribeToAll(func(event gosse.Event) { tell(event.LastEventID, event.Type, event.Data) })
	fmt.Fprintln(os.Stderr, "ended:", connection.Connect())
}

// What people write by hand: lines of at most 64 KiB, the scanner's default.
func scanner(url string) {
	last := ""
	for {
		request, _ := http.NewRequest(http.MethodGet, url, nil)
		if last != "" {
			request.Header.Set("Last-Event-ID", last)
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			id, kind, data := "", "", ""
			lines := bufio.NewScanner(response.Body)
			for lines.Scan() {
				name, value, _ := strings.Cut(lines.Text(), ": ")
				switch name {
				case "id":
					id = value
				case "event":
					kind = value
				case "data":
					data = value
				}
				if lines.Text() == "" && data != "" {
					tell(id, kind, data)
					if id != "" {
						last = id
					}
					id, kind, data = "", "", ""
				}
			}
			response.Body.Close()
		}
		time.Sleep(time.Second)
	}
}

// The same events by `/v1/ws`, in messages of at most 32 KiB, its default. Coming back is its users' part.
func coder(url string) {
	url = strings.Replace(url, "/v1/stream", "/v1/ws", 1)
	header := http.Header{}
	for {
		socket, _, err := websocket.Dial(context.Background(), url, &websocket.DialOptions{HTTPHeader: header})
		for err == nil {
			var message []byte
			if _, message, err = socket.Read(context.Background()); err == nil {
				var event struct {
					ID, Type string
					Data     json.RawMessage
				}
				json.Unmarshal(message, &event)
				tell(event.ID, event.Type, string(event.Data))
				if event.ID != "" {
					header.Set("Last-Event-ID", event.ID)
				}
			}
		}
		fmt.Fprintln(os.Stderr, "ended:", err)
		time.Sleep(time.Second)
	}
}

func main() {
	map[string]func(string){
		"github.com/r3labs/sse/v2":            r3labs,
		"github.com/launchdarkly/eventsource": launchDarkly,
		"github.com/tmaxmax/go-sse":           tmaxmax,
		"github.com/coder/websocket":          coder,
		"bufio.Scanner":                       scanner,
	}[os.Args[1]](os.Args[2])
}

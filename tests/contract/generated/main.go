// A program on the client that oapi-codegen generates: SERVER USER.
package main

import (
	"context"
	"os"
)

func check(holds bool, what any) {
	if !holds {
		panic(what)
	}
}

func main() {
	server, user := os.Args[1], os.Args[2]
	ctx := context.Background()
	client, err := NewClientWithResponses(server)
	check(err == nil, err)
	topic, kind, title := "author/45", "like", "Bob"
	_, err = client.AddFollowerWithResponse(ctx, topic, user, nil)
	check(err == nil, err)
	made, err := client.PublishWithResponse(ctx, nil, NewNotification{To: To{Topic: &topic}, Type: &kind, Title: &title})
	check(err == nil && made.JSON201 != nil, made)
	listed, err := client.ListInboxWithResponse(ctx, &ListInboxParams{User: &user})
	check(err == nil && listed.JSON200.Data[0].Id == made.JSON201.Id, listed)
	ids := []string{made.JSON201.Id}
	_, err = client.MarkReadWithResponse(ctx, &MarkReadParams{User: &user}, Marking{Ids: &ids})
	check(err == nil, err)
	page, err := client.PollWithResponse(ctx, &PollParams{User: &user, Cursor: &made.JSON201.Cursor})
	check(err == nil && page.JSON200.Events[0].Type == "inbox.read", page)
}

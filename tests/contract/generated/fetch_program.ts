// A program on the client that openapi-generator's typescript-fetch generates: SERVER USER.
import { Configuration, FollowersApi, InboxApi, PublishingApi, ReceivingApi } from "./client/index.js";

declare const process: { argv: string[] };
const [basePath, user] = process.argv.slice(2) as [string, string];
const configuration = new Configuration({ basePath });

function check(holds: boolean, what: unknown): asserts holds {
  if (!holds) throw new Error(JSON.stringify(what));
}

await new FollowersApi(configuration).addFollower({ topic: "author/44", user });
const made = await new PublishingApi(configuration).publish({
  newNotification: { to: { topic: "author/44" }, type: "like", title: "Bob" },
});
const listed = await new InboxApi(configuration).listInbox({ user });
check(listed.data[0]?.id === made.id, listed);
await new InboxApi(configuration).markRead({ user, marking: { ids: [made.id] } });
const page = await new ReceivingApi(configuration).poll({ user, cursor: made.cursor });
check(page.events[0]?.type === "inbox.read", page);

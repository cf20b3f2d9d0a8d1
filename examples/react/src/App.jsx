import { useEffect, useState, useSyncExternalStore } from "react";
import "tidings/define.js";
import { openInbox } from "tidings/inbox.js";

async function post(path, body = {}) {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

export function App() {
  const [user, setUser] = useState(undefined); // not known yet
  useEffect(() => {
    fetch("/me").then((answer) => answer.json()).then((me) => setUser(me.user));
  }, []);
  if (user === undefined) return null;
  if (user === null) return <LogIn onUser={setUser} />;
  return <Blog key={user} user={user} onLogOut={() => post("/logout").then(() => setUser(null))} />;
}

function LogIn({ onUser }) {
  const submit = async (form) => onUser((await post("/login", { user: form.get("user") })).user);
  return (
    <form action={submit}>
      <input name="user" placeholder="Your name" required /> <button>Log in</button>
    </form>
  );
}

function Blog({ user, onLogOut }) {
  const inbox = useInbox(user);
  return (
    <>
      {user} {inbox && <Bell inbox={inbox} />} <button onClick={onLogOut}>Log out</button>
      <form action={(form) => post(`/authors/${encodeURIComponent(form.get("author"))}/like`)}>
        <input name="author" placeholder="An author" required /> <button>Like</button>
      </form>
      {inbox && <Latest inbox={inbox} />}
    </>
  );
}

/** One inbox for all of the page's components, closed when its user leaves. */
function useInbox(user) {
  const [inbox, setInbox] = useState(null);
  useEffect(() => {
    const opened = openInbox({ url: "/tidings", user });
    setInbox(opened);
    return () => opened.close();
  }, [user]);
  return inbox;
}

/** The ready-made bell, on our inbox: `store` is a property, which React sets on custom elements. */
function Bell({ inbox }) {
  return <tidings-bell store={inbox} />;
}

/** A component of our own, on the same inbox. */
function Latest({ inbox }) {
  const { items } = useSyncExternalStore(inbox.subscribe, inbox.getSnapshot);
  return (
    <ul>
      {items.slice(0, 3).map(({ id, title, status }) => (
        <li key={id} className={status}>
          {title} {status === "UNREAD" && <button onClick={() => inbox.markRead([id]).catch(console.warn)}>Read</button>}
        </li>
      ))}
    </ul>
  );
}

import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// The back end and Tidings are below this page's own origin, so the log-in's cookie is all that they need.
// `changeOrigin: false` keeps the Host that the browser sent: a change that comes with a cookie needs an Origin that is the
// server's own, and Vite's short form of a proxy would send another Host.
const back = { target: "http://127.0.0.1:8000", changeOrigin: false };

export default defineConfig({
  plugins: [react()],
  server: {
    host: "127.0.0.1",
    port: 5173,
    strictPort: true,
    proxy: Object.fromEntries(["/tidings", "/me", "/login", "/logout", "/authors"].map((path) => [path, back])),
  },
});

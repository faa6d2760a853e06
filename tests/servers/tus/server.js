// @tus/server behind TLS: node server.js PORT FOLDER CERTIFICATE KEY. Everything about tus is theirs.
const fs = require("node:fs");
const https = require("node:https");
const { Server } = require("@tus/server");
const { FileStore } = require("@tus/file-store");

const [port, folder, certificate, key] = process.argv.slice(2);
const tus = new Server({ path: "/v1/cases", relativeLocation: true, datastore: new FileStore({ directory: folder }) });
const options = { cert: fs.readFileSync(certificate), key: fs.readFileSync(key) };
https.createServer(options, tus.handle.bind(tus)).listen(Number(port), "127.0.0.1");

// SPDX-License-Identifier: GPL-2.0
// http.js PORT FOLDER - serve the folder's files until SIGTERM
'use strict';

const fs = require('fs');
const http = require('http');
const path = require('path');

const [port, folder] = process.argv.slice(2);

const contents = new Map(fs.readdirSync(folder).map(
	(name) => [`/${name}`, fs.readFileSync(path.join(folder, name))]));

const server = http.createServer((request, response) => {
	const content = contents.get(request.url);

	response.writeHead(content ? 200 : 404);
	response.end(content);
});

process.on('SIGTERM', () => {
	server.close();
	server.closeAllConnections();
});
server.listen(Number(port), '127.0.0.1');

// SPDX-License-Identifier: GPL-2.0
// http.js PORT FOLDER - hand out the folder's files until SIGTERM
'use strict';

const fs = require('fs');
const http = require('http');
const path = require('path');

const [port, folder] = process.argv.slice(2);

const server = http.createServer((request, response) => {
	fs.readFile(path.join(folder, path.basename(request.url)), (error, content) => {
		response.writeHead(error ? 404 : 200);
		response.end(content);
	});
});

process.on('SIGTERM', () => {
	server.close();
	server.closeAllConnections();
});
server.listen(Number(port), '127.0.0.1');

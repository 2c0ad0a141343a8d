-- SPDX-License-Identifier: GPL-2.0
-- For wrk: compares every answer with the file after "--". Prints "verified: REQUESTS-PER-SECOND" at
-- the end, or what was wrong.

local threads = {}

function setup(thread)
	table.insert(threads, thread)
end

function init(args)
	local file = assert(io.open(args[1], "rb"))

	expected = file:read("*a")
	file:close()
	right, wrong = 0, 0
end

function response(status, headers, body)
	if status == 200 and body == expected then
		right = right + 1
	else
		wrong = wrong + 1
	end
end

function done(summary, latency, requests)
	local right, wrong, errors = 0, 0, summary.errors
	local failed = errors.connect + errors.read + errors.write + errors.timeout

	for _, thread in ipairs(threads) do
		right = right + thread:get("right")
		wrong = wrong + thread:get("wrong")
	end
	if wrong == 0 and failed == 0 and right > 0 then
		print(string.format("verified: %.1f", right / summary.duration * 1e6))
	else
		print(string.format("%d right, %d wrong; errors: connect %d, read %d, write %d, timeout %d",
			right, wrong, errors.connect, errors.read, errors.write, errors.timeout))
	end
end

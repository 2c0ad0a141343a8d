-- SPDX-License-Identifier: GPL-2.0
-- For wrk: prints its measurements as one line of JSON. Times are in microseconds.

function done(summary, latency, requests)
	local errors = summary.errors

	print(string.format(
		'{"requests":%d,"duration_us":%d,"p50_us":%d,"p99_us":%d,"errors":%d}',
		summary.requests, summary.duration,
		latency:percentile(50), latency:percentile(99),
		errors.connect + errors.read + errors.write + errors.timeout + errors.status))
end

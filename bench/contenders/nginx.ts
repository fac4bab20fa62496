import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startChild, waitUntilReady } from '../processes/child.ts'
import type { Contender } from './contender.ts'

const BINARY = ['/usr/sbin/nginx', '/usr/bin/nginx', '/usr/local/sbin/nginx', '/opt/homebrew/bin/nginx'].find(
  existsSync,
)

/** A plain reverse proxy with one worker: the baseline. */
export const nginx: Contender = {
  name: 'nginx',
  missing: () => (BINARY === undefined ? 'nginx is not installed (Debian: nginx-light)' : undefined),
  async start(upstream) {
    const folder = await mkdtemp(join(tmpdir(), 'bench-nginx-'))
    const socketPath = join(folder, 's')
    await writeFile(join(folder, 'nginx.conf'), configuration(folder, socketPath, upstream.port))
    const child = startChild(BINARY ?? 'nginx', ['-p', folder, '-c', join(folder, 'nginx.conf')])
    await waitUntilReady({ socketPath }, '/health', child)
    return {
      target: { socketPath },
      pid: child.pid,
      async stop() {
        await child.stop()
        await rm(folder, { recursive: true, force: true })
      },
    }
  },
}

/** Responses are buffered as usual; streams switch that off with the header `X-Accel-Buffering`, which the upstream sends. */
const configuration = (folder: string, socketPath: string, upstreamPort: number) => `
daemon off;
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes 1;
worker_rlimit_nofile 16384;
pid ${folder}/pid;
error_log ${folder}/error.log error;
events { worker_connections 8192; }
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(' ')}
  upstream provider { server 127.0.0.1:${upstreamPort}; keepalive 1024; keepalive_requests 1000000000; }
  server {
    listen unix:${socketPath};
    keepalive_requests 1000000000;
    client_max_body_size 16m;
    client_body_buffer_size 1m;
    location = /health { return 200; }
    location / {
      proxy_pass http://provider;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_max_temp_file_size 0;
    }
  }
}
`

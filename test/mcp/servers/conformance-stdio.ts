import { serveStdio } from '@modelcontextprotocol/server/stdio'
import { conformanceServer } from './conformance-server.ts'

serveStdio(conformanceServer)

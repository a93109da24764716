/** The socket of the playground: that of Hocuspocus, without its memory. */
import { HocuspocusProviderWebsocket } from '@hocuspocus/provider'

/**
 * Keeps nothing for later: what cannot be sent now the next handshake brings. The queue that this replaces would be sent after that handshake's
 * beginning, and its acknowledgements taken for those of later changes: "saved" would be shown too early.
 */
export class Socket extends HocuspocusProviderWebsocket {
  override send(message: Uint8Array): void {
    if (this.webSocket?.readyState === WebSocket.OPEN) super.send(message)
  }
}

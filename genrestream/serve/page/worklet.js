// Collects the microphone's samples, 128 at a time, into blocks that are worth a message.
const BLOCK = 2048;

class Collector extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Float32Array(BLOCK);
    this.filled = 0;
  }

  process([channels]) {
    const samples = channels[0];
    if (samples) {
      this.block.set(samples, this.filled);
      this.filled += samples.length;
      if (this.filled >= BLOCK) {
        this.port.postMessage(this.block.buffer, [this.block.buffer]);
        this.block = new Float32Array(BLOCK);
        this.filled = 0;
      }
    }
    return true;
  }
}

registerProcessor("collector", Collector);

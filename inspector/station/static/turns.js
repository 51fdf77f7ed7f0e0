// One thing after the other: what is typed while a label is on its way follows it, and is dropped where that failed: it was
// meant for tiles farther on. Pure.

export class Turns {
  constructor() { this.waiting = []; this.isBusy = false; }

  // `act` returns, or promises, false where what follows it must not be done.
  async take(act) {
    this.waiting.push(act);
    if (this.isBusy) return;
    this.isBusy = true;
    try { while (this.waiting.length) if ((await this.waiting.shift()()) === false) this.waiting = []; } finally { this.isBusy = false; this.waiting = []; }
  }
}

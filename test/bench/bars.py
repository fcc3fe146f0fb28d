"""What a figure has to reach: a ratio of two contestants, or the figure itself."""
import dataclasses


@dataclasses.dataclass
class bar:
    """A figure of ours, over the one of theirs where there are two, and its least or greatest."""
    name: str
    ours: str
    theirs: str = None
    least: float = None
    most: float = None
    figure: str = "calls_per_s"
    their_figure: str = None

    def known(self, found):
        return self.ours in found and (self.theirs is None or self.theirs in found)

    def of(self, found):
        value = found[self.ours][self.figure]
        if self.theirs is not None:
            value /= found[self.theirs][self.their_figure or self.figure]
        return round(value, 3)

    def met(self, value):
        return value >= self.least if self.least is not None else value <= self.most

    @property
    def text(self):
        return f">= {self.least:,}" if self.least is not None else f"<= {self.most:,}"


@dataclasses.dataclass
class case:
    """Something to measure, by subclasses: `measure()` gives the figures of each contestant."""
    name: str
    title: str
    bars: list

    columns = ()  # heading, figure, format

    def measure(self, rounds, seconds):
        raise NotImplementedError

    def ratios(self, found):
        return {b.name: b.of(found) for b in self.bars if b.known(found)}

    def show(self, found, ratios):
        print(f"\n{self.name}: {self.title}")
        width = max([22, *(len(name) for name in found)])
        print(f"  {'':{width}}" + "".join(f" {heading:>12}" for heading, _, _ in self.columns))
        for name, figures in found.items():
            print(f"  {name:{width}}" + "".join(
                f" {format(figures[figure], how) if figure in figures else '':>12}"
                for _, figure, how in self.columns))
        for b in self.bars:
            if b.name in ratios:
                verdict = "met" if b.met(ratios[b.name]) else "missed"
                print(f"  {b.name:50} {ratios[b.name]:>9,}  bar {b.text}, {verdict}")

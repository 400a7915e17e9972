"""placeholder"""
class BacktestAnalyzer: pass

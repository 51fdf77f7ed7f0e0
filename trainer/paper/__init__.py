"""The paper's Table 1 and Figure 1, for networks of ours."""
